package cpu

import (
	"slices"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Products of a single row, as decoding has them, read the weights once and do little with them: their kernels take
// the words in their stored layout. The sums equal those of the tiles, to the bit.

// MatMuls computes a product for each of several matrices. Their panels are one piece of work, or x is rounded to codes
// once.
func (d *device) MatMuls(x []float32, n int, products ...compute.Product) {
	if d.tiled() && !slices.ContainsFunc(products, d.inBytes) {
		d.matMulsAMX(x, n, products...)
		return
	}
	if n == 1 && d.oneRow(x, products) {
		return
	}
	if n > 1 && !slices.ContainsFunc(products, func(p compute.Product) bool { return d.inCodes(p.W) == nil }) {
		d.matMulCodes(x, n, products...)
		return
	}
	if d.int8 {
		if d.matMulsInt8(x, n, products) {
			return
		}
		for _, p := range products {
			d.MatMul(p.Y, x, p.W, n)
		}
		return
	}
	all := make([]*product, len(products))
	for i, p := range products {
		compute.Need(len(p.Y), n*p.W.N)
		compute.Need(len(x), n*p.W.K)
		all[i] = d.forward(x, n, p)
	}
	d.run(all...)
}

// rowOf is one of several products of a row. Its panels are numbered from first on among those of all.
type rowOf struct {
	product
	y     []float32
	first int
	sums  func(work *rowWork, j, lo, hi int)
}

// rowWork is what a work item needs for its sums. It goes to kernels by functions' values, so to the heap: it is kept
// for the next item.
type rowWork struct {
	*device
	x           []float32     // rounded and padded
	pairs       []kernel.Word // x in bfloat16, where products are of pairs
	runs, lines []kernel.Word // x in codes, where some are of those: in RunWords and in LineWords of a run
	total, part []float32     // the sums of a panel, those of a block
	sums        []float32     // the one of both that is continued
	largest     []float32     // magnitudes of NF4, of nf4AtOnce weights
	room        []float32     // of the kernels of blocks

	t         kernel.Tile
	blocks    kernel.Blocks
	codeBlock kernel.BlockRows

	magnitudes kernel.NF4Magnitudes
	nf4        kernel.NF4Row
}

// codes returns x in codes of so many words a run.
func (w *rowWork) codes(words int) []kernel.Word {
	if words == kernel.LineWords {
		return w.lines
	}
	return w.runs
}

// oneRow computes MatMuls for one row, and reports false where there is no kernel for some weights.
func (d *device) oneRow(x []float32, products []compute.Product) bool {
	rows := make([]rowOf, len(products))
	panels := 0
	for i, p := range products {
		r := &rows[i]
		if !d.rowSums(r, p.W) {
			return false
		}
		r.y, r.first = p.Y[:p.W.N], panels
		panels += upTo(p.W.N, panel)
	}
	k := products[0].W.K
	const most = 8 // elements of a word
	padded := d.free.get(k + most)
	defer d.free.put(padded)
	copy(padded, x[:k])
	d.round(padded[:k])
	clear(padded[k:])
	var pairs []kernel.Word
	if d.bf16 {
		pairs = d.free.words((k + 1) / 2)
		defer d.free.putWords(pairs)
		d.pack(d.core.PackBF16, kernel.Pack{Dst: pairs, LDD: 1, Src: kernel.Words(padded), LDS: k, Rows: 1, Cols: k})
	}
	var runs, lines []kernel.Word
	for _, p := range products {
		switch w := d.inCodes(p.W); {
		case w == nil:
		case w.runWords(d, 1) != kernel.LineWords && runs == nil:
			runs = d.codesOf(x, 1, k, d.core.RunWords)
			defer d.free.putWords(runs)
		case w.runWords(d, 1) == kernel.LineWords && lines == nil:
			lines = d.codesOf(x, 1, k, kernel.LineWords)
			defer d.free.putWords(lines)
		}
	}
	cut := d.stretches(panels, k)
	d.each(cut.count(), func(i int) {
		w := d.rowWork()
		defer d.rowWorks.Put(w)
		w.device, w.x, w.pairs, w.runs, w.lines = d, padded, pairs, runs, lines
		r := 0
		for j, end := cut.at(i); j < end; j++ {
			for r+1 < len(rows) && j >= rows[r+1].first {
				r++
			}
			w.panel(&rows[r], j-rows[r].first)
		}
	})
	return true
}

// rowWork returns one that no item uses. The caller puts it back to d.rowWorks.
func (d *device) rowWork() *rowWork {
	if w, ok := d.rowWorks.Get().(*rowWork); ok {
		return w
	}
	w := &rowWork{}
	const magnitudes = nf4AtOnce / compute.NF4Block * panel
	scratch := kernel.Floats(kernel.Allocate(w, 2*panel+magnitudes+kernel.BlockScales))
	w.total, w.part = scratch[:panel], scratch[panel:2*panel]
	w.largest, w.room = scratch[2*panel:][:magnitudes], scratch[2*panel+magnitudes:]
	return w
}

// panel computes panel j of r, block by block.
func (w *rowWork) panel(r *rowOf, j int) {
	for b := range r.blocks() {
		w.sums = w.part
		if b == 0 {
			w.sums = w.total
		}
		clear(w.sums)
		r.sums(w, j, r.block(b), r.block(b+1))
		if b > 0 {
			w.core.Add(w.total, w.part)
		}
	}
	copy(r.y[j*panel:], w.total)
}

// inBytes reports whether the left factor of p is rounded to bytes.
func (d *device) inBytes(p compute.Product) bool {
	return d.intWeights(p.W) != nil || d.roundsRuns(p.W)
}

// upTo returns how many times per, rounded up, make n.
func upTo(n, per int) int { return (n + per - 1) / per }

// rowSums fills in how the sums of a panel of w are continued by steps lo … hi-1, and reports false where tiles do
// better or have sums of another kind.
func (d *device) rowSums(r *rowOf, w *compute.Matrix) bool {
	if p := d.inCodes(w); p != nil {
		r.steps, r.depth = w.K, w.K
		r.sums = func(w *rowWork, j, _, _ int) { p.addRow(w, j) }
		return true
	}
	if d.core.RowBF16 == nil || w.Raw != nil || d.tiled() {
		return false
	}
	r.steps, r.depth = w.K, depthF32
	p, isPanels := w.Packed.(*panels)
	switch {
	case d.bf16 && isPanels:
		r.steps, r.depth = (w.K+1)/2, depthBF16
		r.sums = func(w *rowWork, j, lo, hi int) { w.tile(w.core.TileBF16, w.pairs[lo:], p.panel(j, lo), hi-lo) }
	case d.bf16:
		return false
	case isPanels:
		r.sums = d.rowSumsOf(p)
	case d.rounds:
		return false
	default:
		r.sums = d.rowSumsQuantized(w)
	}
	return r.sums != nil
}

// tile continues sums by steps words of one row.
func (w *rowWork) tile(kernelOf func(*kernel.Tile), a, b []kernel.Word, steps int) {
	w.t = kernel.Tile{
		C: kernel.Words(w.sums), LDC: panel, A: a, LDA: 1, B: b, LDB: panel,
		Steps: steps, Rows: 1, Cols: panel, Mode: kernel.ModeContinue, Ahead: w.core.Ahead,
	}
	kernelOf(&w.t)
}

// rowSumsOf continues sums with weights that are not quantized.
func (d *device) rowSumsOf(p *panels) func(w *rowWork, j, lo, hi int) {
	row := d.core.RowBF16
	switch p.kind {
	case compute.F32:
		return func(w *rowWork, j, lo, hi int) {
			w.tile(w.core.TileF32, kernel.Words(w.x[lo:hi]), p.panel(j, lo), hi-lo)
		}
	case compute.F16:
		row = d.core.RowF16
	}
	return func(w *rowWork, j, lo, hi int) {
		words := upTo(hi-lo, 2)
		row(w.sums, w.x[lo:][:2*words], p.panel(j, lo/2)[:words*panel], nil)
	}
}

// rowSumsQuantized continues sums with quantized weights.
func (d *device) rowSumsQuantized(w *compute.Matrix) func(w *rowWork, j, lo, hi int) {
	if d.roundsRuns(w) {
		return nil
	}
	switch p := w.Packed.(type) {
	case *bytePanels:
		if d.int8 {
			return nil
		}
		return func(w *rowWork, j, lo, hi int) {
			words := upTo(hi-lo, 4)
			data := p.data[j*p.pitch+lo/4*panel:][:words*panel]
			w.core.RowInt8(w.sums, w.x[lo:][:4*words], data, p.scale[j*panel:])
		}
	case *blockPanels:
		return func(w *rowWork, j, lo, hi int) {
			w.blocks = p.at(j, lo, hi-lo, w.room)
			w.blocks.Dst, w.blocks.X = w.sums, w.x[lo:hi]
			p.kernels.Row(&w.blocks)
		}
	case *nf4Panels:
		return func(w *rowWork, j, lo, hi int) { p.addFloats(w, j, lo, hi) }
	}
	return nil
}
