package cpu

import "fettle/internal/compute"

// heads holds the layouts of an attention call.
type heads struct {
	compute.Attention
	group  int // query heads per key head
	qw, kw int // widths of a query row and a key row
	wide   int // the head width, rounded up to whole panels
}

func newHeads(a compute.Attention) heads {
	wide := (a.HeadDim + panel - 1) / panel * panel
	return heads{a, a.Heads / a.KVHeads, a.Heads * a.HeadDim, a.KVHeads * a.HeadDim, wide}
}

// needSegments panics unless the arrays hold every row the segments name.
func (h *heads) needSegments(q, k []float32, segs []compute.Segment) {
	for _, s := range segs {
		compute.Need(len(q), (s.Row+s.Len)*h.qw)
		compute.Need(len(k), max(s.Key+s.Past+s.Len, s.Prefix+s.PrefixLen)*h.kw)
	}
}

// visible returns how many keys query i of s sees, counted from the first of the prefix through to its own.
func visible(s compute.Segment, i int) int { return s.PrefixLen + s.Past + i + 1 }

// first returns the first of the keys that query i of s sees, counted as visible does.
func (h *heads) first(s compute.Segment, i int) int {
	if h.Window <= 0 {
		return 0
	}
	return max(0, visible(s, i)-h.Window)
}

// run names consecutive key rows: the first, their number, and the place of the first among the keys of the segment.
type run struct{ row, n, from int }

// runs returns the key rows that s sees: those of the prefix and its own.
func runs(s compute.Segment) [2]run {
	return [2]run{{s.Prefix, s.PrefixLen, 0}, {s.Key, s.Past + s.Len, s.PrefixLen}}
}

// Attend works on blocks of rows: the queries that share a key head, each with all the group's heads. Scores of a
// block exist at one time, (rows, keys); every score is one chain along the head, every output one chain along the
// keys. A key that only some queries of a tile see has probability zero for the others, and does not touch their bits
// unless its value is not finite: then each query is a block.
func (d *device) Attend(out, q, k, v []float32, segs []compute.Segment, a compute.Attention) {
	h := newHeads(a)
	h.needSegments(q, k, segs)
	h.needSegments(out, v, segs)
	for _, s := range segs {
		if s.Len == 0 {
			continue
		}
		if d.tiled() {
			keys, values := d.pairsOf(&h, k, s, false), d.pairsOf(&h, v, s, true)
			d.attend(&h, out, q, keys, values, s, !finite(&h, s, d.finiteRows(&h, v)))
			d.free.putWords(keys.words)
			d.free.putWords(values.words)
			continue
		}
		s = s.Behind(h.first(s, 0))
		keys, values := d.transposeRows(&h, k, s), d.gatherRows(&h, v, s, true)
		d.attend(&h, out, q, &keys, &values, s, !finite(&h, s, d.finiteRows(&h, v)))
		d.free.put(keys.floats)
		d.endGathered(&values)
	}
}

// scorer is the rows of k, or of v, as products with each of them need them.
type scorer interface {
	// scores writes x·kᵀ (n, span) to dst, x (n, wide), as far as rows see.
	scores(t *attentionWork, dst, x []float32)
}

// multiplier is the rows of v, or of k, as sums over them need them.
type multiplier interface {
	// multiply writes x·v (n, Dh) to the result, x (n, span).
	multiply(t *attentionWork, x []float32)
}

// attend computes the rows of one segment; alone makes each query a block.
func (d *device) attend(
	h *heads, out, q []float32, keys scorer, values multiplier, s compute.Segment, alone bool,
) {
	queries := d.gatherQueries(h, q, s, h.Scale)
	defer d.free.put(queries)
	rows, step := s.Len*h.group, d.blockRows()
	if alone {
		step = h.group
	}
	blocks := (rows + step - 1) / step
	d.each(h.KVHeads*blocks, func(item int) {
		t := d.newAttentionWork(h, s, item/blocks)
		defer d.endAttentionWork(t)
		t.alone = alone
		lo := item % blocks * step
		hi := min(rows, lo+step)
		for at := lo; at < hi; at += d.blockRows() {
			t.begin(at, min(hi, at+d.blockRows()))
			keys.scores(t, t.p, t.own(queries))
			t.exponentials(nil)
			values.multiply(t, t.p)
			for r := range t.n {
				y := t.result[r*t.wide:][:t.HeadDim]
				d.core.Scale(y, 1/t.sums[r])
				copy(t.row(out, r), y)
			}
		}
	})
}

// partsHeads reports whether one row's attention to so many keys is shared by parts of heads, as whole ones would keep
// some threads waiting.
func (d *device) partsHeads(h *heads, keys int) bool {
	const worth = 1 << 15 // floats of keys, to hand over twice
	uneven := h.KVHeads%d.threads != 0 && h.KVHeads < 8*d.threads
	return uneven && h.group <= d.core.Rows && h.KVHeads*keys*h.HeadDim >= worth
}

// attendInParts computes attend for one row: first scores, by some keys of a head, then sums, by the columns of a panel
// of a head. The tiles are those of attend.
func (d *device) attendInParts(h *heads, out, q []float32, keys *keyPanels, values *gathered, s compute.Segment) {
	queries := d.gatherQueries(h, q, s, h.Scale)
	defer d.free.put(queries)
	work := func(head int) *attentionWork {
		t := d.newAttentionWork(h, s, head)
		t.begin(0, h.group)
		return t
	}
	first, end := h.first(s, 0)/panel, upTo(visible(s, 0), panel)
	size := h.group * scoresSpan(s)
	scores := d.free.get(h.KVHeads * size)
	defer d.free.put(scores)

	parts := 1 // of a head, as few as threads can share evenly
	for h.KVHeads*parts%d.threads != 0 {
		parts++
	}
	perItem := upTo(end-first, parts)
	d.each(h.KVHeads*parts, func(item int) {
		t, from := work(item/parts), first+item%parts*perItem
		defer d.endAttentionWork(t)
		keys.scoresOf(t, scores[t.head*size:], t.own(queries), from, min(end, from+perItem))
	})
	parts = h.wide / panel
	d.each(h.KVHeads*parts, func(item int) {
		t, c := work(item/parts), item%parts*panel
		defer d.endAttentionWork(t)
		copy(t.p, scores[t.head*size:][:size])
		t.exponentials(nil)
		end := min(h.HeadDim, c+panel)
		values.multiplyOf(t, t.p, c, end)
		for r := range t.n {
			y := t.result[r*t.wide:][c:end]
			d.core.Scale(y, 1/t.sums[r])
			copy(t.row(out, r)[c:end], y)
		}
	})
}

// finite reports whether the values are finite that some queries of s see, and others do not; all reports it of n rows
// from one on.
func finite(h *heads, s compute.Segment, all func(row, n int) bool) bool {
	if hidden := h.first(s, s.Len-1); hidden > 0 { // by the window
		for _, r := range runs(s) {
			if r.n > 0 && !all(r.row, r.n) {
				return false
			}
		}
		return true
	}
	return s.Len == 1 || all(s.Key+s.Past+1, s.Len-1)
}

// finiteRows reports it of rows of v.
func (d *device) finiteRows(h *heads, v []float32) func(row, n int) bool {
	return func(row, n int) bool { return d.core.Finite(v[row*h.kw:(row+n)*h.kw]) == 0 }
}
