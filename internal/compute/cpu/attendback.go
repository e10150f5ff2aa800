package cpu

import "fettle/internal/compute"

// AttendBackward: with p the probabilities, g[j] = dout·v[j] and δ = dout·out,
//
//	dv[j] += p[j]·dout
//	dq    += scale·Σ_j p[j]·(g[j]−δ)·k[j]
//	dk[j] += scale·p[j]·(g[j]−δ)·q
//
// A work item is one key head of one segment, whose rows add to dk and dv in
// blocks of backRows. The segments' own key rows must not overlap; what they
// add to a shared prefix is kept apart and added in the order of the segments.
func (d *device) AttendBackward(dq, dk, dv, dout, out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	h.needSegments(dout, dk, segs)
	h.needSegments(dq, dv, segs)
	for _, s := range segs {
		if s.Len == 0 {
			continue
		}
		keys, values := d.turnRows(&h, k, s), d.turnRows(&h, v, s)
		prefix := [2][]float32{d.free.get(s.PrefixLen * h.kw), d.free.get(s.PrefixLen * h.kw)}
		clear(prefix[0])
		clear(prefix[1])
		d.each(h.KVHeads, func(head int) {
			b := d.newBack(&h, s, head)
			defer d.endBack(b)
			rows := s.Len * h.group
			for lo := 0; lo < rows; lo += backRows {
				b.block(lo, min(rows, lo+backRows), dq, dout, out, q, k, keys, values)
				b.addTo(dv, prefix[1], b.probs, b.douts)
				b.addTo(dk, prefix[0], b.grads, b.queries)
			}
		})
		d.Add(dk[s.Prefix*h.kw:][:s.PrefixLen*h.kw], prefix[0])
		d.Add(dv[s.Prefix*h.kw:][:s.PrefixLen*h.kw], prefix[1])
		for _, x := range [][]float32{keys, values, prefix[0], prefix[1]} {
			d.free.put(x)
		}
	}
}

// backRows is how many rows' share of dk and dv is summed in registers.
const backRows = 4 * tileRows

// back is what one thread needs for the backward of one key head.
type back struct {
	attending
	rowsOf         int       // rows of the block
	span           int       // leading dimension of probs and grads
	probs, grads   []float32 // (rows, span): p, then scale·p·(g−δ)
	queries, douts []float32 // (rows, wide)
}

func (d *device) newBack(h *heads, s compute.Segment, head int) *back {
	b := &back{attending: *d.newAttending(h, s, head)}
	b.span = (visible(s, s.Len-1) + panel - 1) / panel * panel
	b.probs, b.grads = d.free.get(backRows*b.span), d.free.get(backRows*b.span)
	b.queries, b.douts = d.free.get(backRows*h.wide), d.free.get(backRows*h.wide)
	return b
}

func (d *device) endBack(b *back) {
	for _, s := range [][]float32{b.probs, b.grads, b.queries, b.douts} {
		d.free.put(s)
	}
	d.endAttending(&b.attending)
}

// block fills probs, grads, queries and douts for rows lo … hi-1 and adds to dq.
func (b *back) block(lo, hi int, dq, dout, out, q, k, keys, values []float32) {
	b.rowsOf = hi - lo
	longest := (visible(b.s, (hi-1)/b.group) + panel - 1) / panel * panel
	for at := lo; at < hi; at += tileRows {
		b.rows(at, min(hi, at+tileRows))
		b.probabilities(q, keys)
		probs, grads := b.probs[(at-lo)*b.span:], b.grads[(at-lo)*b.span:]
		for r := range b.n {
			row := probs[r*b.span:][:longest]
			copy(row, b.p[r*b.ld:][:b.ld])
			b.device.scale(row[:b.keys], 1/b.sums[r])
			clear(row[b.ld:])
		}
		b.scores(b.p, dout, values, 1)
		for r := range b.n {
			seen := visible(b.s, (at+r)/b.group)
			ds := grads[r*b.span:][:longest]
			copy(ds[:seen], b.p[r*b.ld:])
			clear(ds[seen:])
			b.softmaxBack(ds[:seen], probs[r*b.span:], float32(b.dot(b.row(dout, r), b.row(out, r))), b.Scale)
			copy(b.queries[(at-lo+r)*b.wide:], b.row(q, r))
			copy(b.douts[(at-lo+r)*b.wide:], b.row(dout, r))
		}
		b.pk = pack{dst: b.packed, ldd: b.n, src: grads, lds: b.span, rows: b.n, cols: b.keys}
		b.packF32(&b.pk)
		b.times(b.packed, b.n, k)
		for r := range b.n {
			b.add(b.row(dq, r), b.result[r*b.wide:][:b.HeadDim])
		}
	}
}

// addTo adds weightsᵀ·x, weights (rows, span) and x (rows, wide), to the rows of
// dk that the block sees; prefix stands for those of the prefix.
func (b *back) addTo(dk, prefix, weights, x []float32) {
	t := &b.t
	*t = tile{ldc: b.kw, lda: b.span, ldb: b.wide, steps: b.rowsOf, mode: modeAdd}
	for i, run := range runs(b.s) {
		dst, n := dk[run.row*b.kw:], min(run.n, b.keys-run.from)
		if i == 0 {
			dst = prefix
		}
		for j := 0; j < n; j += tileRows {
			t.rows, t.a = min(tileRows, n-j), weights[run.from+j:]
			for c := 0; c < b.HeadDim; c += panel {
				t.c, t.b, t.cols = dst[j*b.kw+b.head*b.HeadDim+c:], x[c:], min(panel, b.HeadDim-c)
				b.tileF32(t)
			}
		}
	}
}
