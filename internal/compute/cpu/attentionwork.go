package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// attentionWork holds one thread's work on the rows of one key head of a segment, a block at a time. A row is a pair
// of query and head in the group: query·group + head. Products go through a block in tiles of rows.
type attentionWork struct {
	*device
	*heads
	s          compute.Segment
	head       int // key head
	lo, n      int // rows of the block: lo … lo+n-1
	span       int // leading dimension of p
	t          kernel.Tile
	pk         kernel.Pack
	alone      bool          // all rows are of one query
	transposed []kernel.Word // (Dh, rows) of every tile: the left factor of scores
	p          []float32     // (n, span) scores, then exponentials, zero where unseen
	packed     []kernel.Word // (some keys, rows) of a tile: the left factor of multiply
	sums       [maxBlockRows]float32
	result     []float32 // (n, wide)

	// Of products in tile registers.
	rows kernel.AMXRows
	rect kernel.AMXRect
	mask []kernel.Word
}

const (
	blockTiles   = 4 // tiles of a block
	maxBlockRows = max(blockTiles*kernel.TileRows, tiledRows)
	keysAtOnce   = 256       // that multiply sums before it goes to the next tile
	half         = panel / 2 // columns that tiles compute at least
)

// blockRows returns how many rows a block has.
func (d *device) blockRows() int {
	if d.tiled() {
		return tiledRows
	}
	return blockTiles * d.core.Rows
}

// scoresSpan returns the leading dimension of scores of s: rows do not fall on each other in a cache.
func scoresSpan(s compute.Segment) int { return upTo(visible(s, s.Len-1), panel)*panel + half }

// newAttentionWork returns work for one head. It goes to kernels by functions' values, so to the heap: it is kept for
// the next item, to which endAttentionWork gives it.
func (d *device) newAttentionWork(h *heads, s compute.Segment, head int) *attentionWork {
	t, ok := d.attentionWorks.Get().(*attentionWork)
	if !ok {
		t = new(attentionWork)
	}
	*t = attentionWork{device: d, heads: h, s: s, head: head}
	rows := min(d.blockRows(), s.Len*h.group)
	packed := kernel.TileRows * keysAtOnce
	t.span = scoresSpan(s)
	if d.tiled() {
		rows = upTo(rows, panel) * panel
		packed = rows * max(h.wide, amxDepth*panel) / 2
	}
	t.p, t.result = d.free.get(rows*t.span), d.free.get(rows*h.wide)
	t.packed, t.transposed = d.free.words(packed), d.free.words(rows*h.wide)
	return t
}

func (d *device) endAttentionWork(t *attentionWork) {
	t.release()
	d.attentionWorks.Put(t)
}

// release gives the scratch memory back.
func (t *attentionWork) release() {
	t.free.put(t.p)
	t.free.put(t.result)
	t.free.putWords(t.packed)
	t.free.putWords(t.transposed)
}

// begin makes lo … hi-1 the rows of the block.
func (t *attentionWork) begin(lo, hi int) { t.lo, t.n = lo, hi-lo }

// seen returns how many keys row r of the block sees.
func (t *attentionWork) seen(r int) int { return visible(t.s, (t.lo+r)/t.group) }

// from returns the first of the keys that row r of the block sees.
func (t *attentionWork) from(r int) int { return t.first(t.s, (t.lo+r)/t.group) }

// panels returns the first key, and the one behind the last, of the panels that the block sees.
func (t *attentionWork) panels() (first, end int) {
	return t.from(0) / panel * panel, upTo(t.seen(t.n-1), panel) * panel
}

// row returns the part of x (rows, H·Dh) that belongs to row r of the block.
func (t *attentionWork) row(x []float32, r int) []float32 {
	i, head := (t.lo+r)/t.group, (t.lo+r)%t.group
	return x[(t.s.Row+i)*t.qw+(t.head*t.group+head)*t.HeadDim:][:t.HeadDim]
}

// own returns the part of gathered queries (key heads, Len·group, wide) that belongs to the block: (n, wide).
func (t *attentionWork) own(queries []float32) []float32 {
	return queries[(t.head*t.s.Len*t.group+t.lo)*t.wide:][:t.n*t.wide]
}

// tiles calls f for every tile of the block: its first row, their number, and the keys that it sees: from the first of
// its first row up to those of its last.
func (t *attentionWork) tiles(f func(at, n, from, keys int)) {
	for at := 0; at < t.n; at += t.core.Rows {
		n := min(t.core.Rows, t.n-at)
		f(at, n, t.from(at), t.seen(at+n-1))
	}
}

// scores: tiles by panels.
func (keys *keyPanels) scores(t *attentionWork, dst, x []float32) {
	first, end := t.panels()
	keys.scoresOf(t, dst, x, first/panel, end/panel)
}

// scoresOf writes those of panels first … end-1.
func (keys *keyPanels) scoresOf(t *attentionWork, dst, x []float32, first, end int) {
	t.tiles(func(at, n, _, _ int) {
		t.pk = kernel.Pack{
			Dst: t.transposed[at*t.HeadDim:], LDD: n,
			Src: kernel.Words(x[at*t.wide:]), LDS: t.wide, Rows: n, Cols: t.HeadDim,
		}
		t.core.PackF32(&t.pk)
	})
	t.t = kernel.Tile{LDC: t.span, LDB: panel, Steps: t.HeadDim, Ahead: t.core.Ahead}
	for j := first * panel; j < end*panel; j += panel {
		t.t.B = kernel.Words(keys.at(t.head, j/panel))
		t.tiles(func(at, n, from, keys int) {
			if j >= keys || j+panel <= from {
				return
			}
			t.t.C, t.t.Cols = kernel.Words(dst[at*t.span+j:]), min(panel, (keys-j+half-1)/half*half)
			t.t.A, t.t.LDA, t.t.Rows = t.transposed[at*t.HeadDim:], n, n
			t.core.TileF32(&t.t)
		})
	}
}

// exponentials computes exp(score − largest) of the capped scores in p, and their sums. Where slopes is not nil it gets
// what caps multiply gradients by (n, span).
func (t *attentionWork) exponentials(slopes []float32) {
	first, end := t.panels()
	for r := range t.n {
		row, from, seen := t.p[r*t.span:][:end], t.from(r), t.seen(r)
		scores := row[from:seen]
		if t.Cap > 0 {
			softCap(scores, t.Cap)
			if slopes != nil {
				capSlopes(slopes[r*t.span+from:], scores, t.Cap)
			}
		}
		t.sums[r] = float32(t.core.ExpSum(scores, t.core.Top(scores)))
		clear(row[first:from])
		clear(row[seen:])
	}
}

// multiply: tiles by some keys at a time.
func (v *gathered) multiply(t *attentionWork, x []float32) { v.multiplyOf(t, x, 0, t.HeadDim) }

// multiplyOf does columns lo … hi-1 of the result, where lo is a panel's first.
func (v *gathered) multiplyOf(t *attentionWork, x []float32, lo, hi int) {
	for _, run := range v.runs {
		for i := 0; i < run.n; i += keysAtOnce {
			chunk := min(keysAtOnce, run.n-i)
			t.tiles(func(at, n, first, keys int) {
				from := max(run.from+i, first)
				steps := min(run.from+i+chunk, keys) - from
				if steps <= 0 {
					return
				}
				values := kernel.Words(v.floats[(run.row+from-run.from)*v.ld+t.head*v.head:])
				src := kernel.Words(x[at*t.span+from:])
				t.pk = kernel.Pack{Dst: t.packed, LDD: n, Src: src, LDS: t.span, Rows: n, Cols: steps}
				t.core.PackF32(&t.pk)
				t.t = kernel.Tile{LDC: t.wide, A: t.packed, LDA: n, LDB: v.ld, Steps: steps, Rows: n, Ahead: t.core.Ahead}
				if from > first {
					t.t.Mode = kernel.ModeContinue
				}
				for c := lo; c < hi; c += panel {
					t.t.C, t.t.B = kernel.Words(t.result[at*t.wide+c:]), values[c/panel*v.next:]
					t.t.Cols = min(panel, hi-c)
					t.core.TileF32(&t.t)
				}
			})
		}
	}
}
