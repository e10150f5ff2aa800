package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// AttendBackward: with p the probabilities, g[j] = dout·v[j] and δ = dout·out,
//
//	dv[j] += p[j]·dout
//	dq    += scale·Σ_j p[j]·(g[j]−δ)·z′[j]·k[j]
//	dk[j] += scale·p[j]·(g[j]−δ)·z′[j]·q
//
// where z′ is the derivative of the capped scores, 1 without a cap.
// A work item is one key head of one segment, whose rows add to dk and dv block by block. The segments' own key rows
// must not overlap; their gradients of a shared prefix are kept apart and added in the order of the segments.
func (d *device) AttendBackward(
	dq, dk, dv, dout, out, q, k, v []float32, segs []compute.Segment, a compute.Attention,
) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	h.needSegments(dout, dk, segs)
	h.needSegments(dq, dv, segs)
	for _, s := range segs {
		if s.Len == 0 {
			continue
		}
		s = s.Behind(h.first(s, 0))
		prefix := [2][]float32{d.free.get(s.PrefixLen * h.kw), d.free.get(s.PrefixLen * h.kw)}
		clear(prefix[0])
		clear(prefix[1])
		if d.tiled() {
			keys, values, rows := d.pairsOf(&h, k, s, false), d.pairsOf(&h, v, s, false), d.pairsOf(&h, k, s, true)
			d.attendBackward(&h, dq, dk, dv, dout, out, q, keys, values, rows, prefix, s)
			for _, p := range []*pairPanels{keys, values, rows} {
				d.free.putWords(p.words)
			}
		} else {
			keys, values := d.transposeRows(&h, k, s), d.transposeRows(&h, v, s)
			rows := d.gatherRows(&h, k, s, true)
			d.attendBackward(&h, dq, dk, dv, dout, out, q, &keys, &values, &rows, prefix, s)
			d.free.put(keys.floats)
			d.free.put(values.floats)
			d.endGathered(&rows)
		}
		d.Add(dk[s.Prefix*h.kw:][:s.PrefixLen*h.kw], prefix[0])
		d.Add(dv[s.Prefix*h.kw:][:s.PrefixLen*h.kw], prefix[1])
		d.free.put(prefix[0])
		d.free.put(prefix[1])
	}
}

// attendBackward computes one segment; rows are those of k.
func (d *device) attendBackward(
	h *heads, dq, dk, dv, dout, out, q []float32, keys, values scorer, rows multiplier, prefix [2][]float32,
	s compute.Segment,
) {
	queries, douts := d.gatherQueries(h, q, s, h.Scale), d.gatherQueries(h, dout, s, 1)
	deltas := d.deltas(h, dout, out, s)
	n := s.Len * h.group
	begin := func(b *back, lo int) {
		b.begin(lo, min(n, lo+d.blockRows()))
		b.queries, b.douts, b.deltas = b.own(queries), b.own(douts), deltas[b.head*n+lo:]
	}
	if d.partsBack(h) {
		d.attendBackwardInParts(h, begin, dq, dk, dv, keys, values, rows, prefix, s)
	} else {
		d.each(h.KVHeads, func(head int) {
			b := d.newBack(h, s, head)
			defer d.endBack(b)
			for lo := 0; lo < n; lo += d.blockRows() {
				begin(b, lo)
				b.scoreGradients(keys, values)
				b.addQueries(dq, rows)
				if d.tiled() {
					b.addTurned(b.valueSums, b.p, b.douts)
					b.addTurned(b.keySums, b.grads, b.queries)
				} else {
					b.addTo(dv, prefix[1], b.p, b.douts)
					b.addTo(dk, prefix[0], b.grads, b.queries)
				}
			}
			if d.tiled() {
				b.addRows(dv, prefix[1], b.valueSums)
				b.addRows(dk, prefix[0], b.keySums)
			}
		})
	}
	for _, x := range [][]float32{queries, douts, deltas} {
		d.free.put(x)
	}
}

// partsBack reports whether threads share the gradients of each key head, as whole heads would keep a fifth of them
// waiting.
func (d *device) partsBack(h *heads) bool {
	return !d.tiled() && 5*h.KVHeads < 4*d.threads*upTo(h.KVHeads, d.threads)
}

// attendBackwardInParts computes attendBackward for all key heads together, block by block: by tiles of queries, then
// by gradients of keys and of values. begin begins a block of a head's work. The tiles are those of attendBackward.
func (d *device) attendBackwardInParts(
	h *heads, begin func(b *back, lo int), dq, dk, dv []float32, keys, values scorer, rows multiplier,
	prefix [2][]float32, s compute.Segment,
) {
	all := make([]*back, h.KVHeads)
	for head := range all {
		all[head] = d.newBack(h, s, head)
		defer d.endBack(all[head])
	}
	for lo := 0; lo < s.Len*h.group; lo += d.blockRows() {
		for _, b := range all {
			begin(b, lo)
		}
		tiles := upTo(all[0].n, d.core.Rows)
		d.each(h.KVHeads*tiles, func(item int) {
			b := all[item/tiles]
			t := b.part(item % tiles * d.core.Rows)
			defer d.endPart(t)
			t.scoreGradients(keys, values)
			t.addQueries(dq, rows)
			t.clearBeside(b.panels())
		})
		d.each(2*h.KVHeads, func(item int) {
			b := all[item/2].copy()
			defer d.backs.Put(b)
			if item%2 == 0 {
				b.addTo(dv, prefix[1], b.p, b.douts)
			} else {
				b.addTo(dk, prefix[0], b.grads, b.queries)
			}
		})
	}
}

// deltas returns δ = dout·out of the rows of s, (key heads, Len·group).
func (d *device) deltas(h *heads, dout, out []float32, s compute.Segment) []float32 {
	deltas := d.free.get(h.KVHeads * s.Len * h.group)
	d.chunks(s.Len, rowsPerItem(h.qw), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for head := range h.Heads {
				at := (s.Row+i)*h.qw + head*h.HeadDim
				delta := d.core.Dot(dout[at:][:h.HeadDim], out[at:][:h.HeadDim])
				deltas[(head/h.group*s.Len+i)*h.group+head%h.group] = float32(delta)
			}
		}
	})
	return deltas
}

// back holds one thread's backward work on one key head.
type back struct {
	attentionWork
	queries []float32 // (n, wide) scale·q
	douts   []float32 // (n, wide)
	deltas  []float32 // (n)
	grads   []float32 // (n, span): p·(g−δ)
	slopes  []float32 // (n, span): z′; nil: 1

	// In tile registers: gradients of the head's keys and values, (wide, span), and room for a factor.
	keySums, valueSums []float32
	pairs              []kernel.Word
}

func (d *device) newBack(h *heads, s compute.Segment, head int) *back {
	b := &back{attentionWork: *d.newAttentionWork(h, s, head)}
	b.grads = d.free.get(len(b.p))
	if d.tiled() {
		b.keySums, b.valueSums = d.free.get(b.wide*b.span), d.free.get(b.wide*b.span)
		clear(b.keySums)
		clear(b.valueSums)
		b.pairs = d.free.words(len(b.p) / 2)
	}
	if h.Cap > 0 {
		b.slopes = d.free.get(len(b.p))
	}
	return b
}

func (d *device) endBack(b *back) {
	d.free.put(b.grads)
	if d.tiled() {
		d.free.put(b.keySums)
		d.free.put(b.valueSums)
		d.free.putWords(b.pairs)
	}
	if b.slopes != nil {
		d.free.put(b.slopes)
	}
	b.release()
}

// part returns work on a tile of the block's rows, in the block's arrays, for endPart.
func (b *back) part(from int) *back {
	t := b.copy()
	t.begin(b.lo+from, b.lo+min(b.n, from+b.core.Rows))
	t.p, t.grads = b.p[from*b.span:], b.grads[from*b.span:]
	if b.slopes != nil {
		t.slopes = b.slopes[from*b.span:]
	}
	t.queries, t.douts, t.deltas = b.queries[from*b.wide:], b.douts[from*b.wide:], b.deltas[from:]
	t.result, t.transposed = b.free.get(t.n*b.wide), b.free.words(t.n*b.wide)
	t.packed = b.free.words(kernel.TileRows * keysAtOnce)
	return t
}

func (d *device) endPart(t *back) {
	d.free.put(t.result)
	d.free.putWords(t.transposed)
	d.free.putWords(t.packed)
	d.backs.Put(t)
}

// copy returns another's work in the same arrays, for d.backs.
func (b *back) copy() *back {
	t, ok := b.backs.Get().(*back)
	if !ok {
		t = new(back)
	}
	*t = *b
	return t
}

// clearBeside clears what the panels of a larger block, first to end, have beside those of this one.
func (b *back) clearBeside(first, end int) {
	from, to := b.panels()
	for r := range b.n {
		for _, row := range [][]float32{b.p[r*b.span:][:end], b.grads[r*b.span:][:end]} {
			clear(row[first:from])
			clear(row[to:])
		}
	}
}

// addQueries adds the products of grads and the rows of k to dq.
func (b *back) addQueries(dq []float32, rows multiplier) {
	rows.multiply(&b.attentionWork, b.grads)
	for r := range b.n {
		y := b.result[r*b.wide:][:b.HeadDim]
		b.core.Scale(y, b.heads.Scale)
		b.core.Add(b.row(dq, r), y)
	}
}

// scoreGradients fills p with exponentials and grads with p·(g−δ), and divides douts by the exponentials' sums.
func (b *back) scoreGradients(keys, values scorer) {
	keys.scores(&b.attentionWork, b.p, b.queries)
	b.exponentials(b.slopes)
	values.scores(&b.attentionWork, b.grads, b.douts)
	first, end := b.panels()
	for r := range b.n {
		ds, from, seen := b.grads[r*b.span:][:end], b.from(r), b.seen(r)
		b.core.SoftmaxBack(ds[from:seen], b.p[r*b.span+from:], b.deltas[r], 1/b.sums[r])
		if b.slopes != nil {
			b.core.Multiply(ds[from:seen], b.slopes[r*b.span+from:])
		}
		clear(ds[first:from])
		clear(ds[seen:])
		b.core.Scale(b.douts[r*b.wide:][:b.HeadDim], 1/b.sums[r])
	}
}

// addTo adds weightsᵀ·x, weights (n, span) and x (n, wide), to the rows of dk that the block sees; prefix stands for
// those of the prefix.
func (b *back) addTo(dk, prefix, weights, x []float32) {
	t := &b.t
	*t = kernel.Tile{LDC: b.kw, LDA: b.span, LDB: b.wide, Mode: kernel.ModeAdd}
	for i, run := range runs(b.s) {
		dst, n := dk[run.row*b.kw:], min(run.n, b.seen(b.n-1)-run.from)
		if i == 0 {
			dst = prefix
		}
		for j := max(0, b.from(0)-run.from); j < n; j += b.core.Rows {
			first := b.firstToSee(run.from + j)
			t.Rows = min(b.core.Rows, n-j)
			if t.Steps = b.endToSee(run.from+j+t.Rows-1) - first; t.Steps <= 0 {
				continue
			}
			t.A = kernel.Words(weights[first*b.span+run.from+j:])
			for c := 0; c < b.HeadDim; c += panel {
				t.C, t.Cols = kernel.Words(dst[j*b.kw+b.head*b.HeadDim+c:]), min(panel, b.HeadDim-c)
				t.B = kernel.Words(x[first*b.wide+c:])
				b.core.TileF32(t)
			}
		}
	}
}

// firstToSee returns the first row of the block that sees the key.
func (b *back) firstToSee(key int) int {
	query := key - b.s.PrefixLen - b.s.Past
	return max(0, query*b.group-b.lo)
}

// endToSee returns the row of the block behind the last one that sees the key or an earlier one.
func (b *back) endToSee(key int) int {
	if b.Window <= 0 {
		return b.n
	}
	query := key - b.s.PrefixLen - b.s.Past + b.Window // the first whose window begins behind the key
	return min(b.n, query*b.group-b.lo)
}
