package cpu

import (
	"fettle/internal/compute"
)

// Products of a single row, as decoding has them, read the weights once and do little with them: their kernels take
// the words in their stored layout. The sums equal those of the tiles, to the bit.

// oneRow computes MatMul for one row, and reports false where there is no kernel for these weights.
func (d *device) oneRow(y, x []float32, w *compute.Matrix) bool {
	continueSums := d.rowSums(w)
	if continueSums == nil {
		return false
	}
	const most = 8 // elements of a word
	padded := d.free.get(w.K + most)
	defer d.free.put(padded)
	copy(padded, x[:w.K])
	d.round(padded[:w.K])
	clear(padded[w.K:])
	g := product{steps: w.K, depth: depthF32}
	const enough = 1 << 18 // weights of a work item
	d.chunks((w.N+panel-1)/panel, max(1, enough/(panel*w.K)), func(from, to int) {
		sums, total := d.free.get(panel), d.free.get(panel)
		defer d.free.put(sums)
		defer d.free.put(total)
		for j := from; j < to; j++ {
			clear(total)
			continueSums(total, padded, j, 0, g.block(1))
			for b := 1; b < g.blocks(); b++ {
				clear(sums)
				continueSums(sums, padded, j, g.block(b), g.block(b+1))
				d.core.Add(total, sums)
			}
			copy(y[j*panel:w.N], total)
		}
	})
	return true
}

// rowSums returns a function that continues the sums of panel j of w by elements lo … hi-1, or nil where tiles do
// better or have sums of another kind.
func (d *device) rowSums(w *compute.Matrix) func(sums, x []float32, j, lo, hi int) {
	if d.core.RowBF16 == nil || d.bf16 || w.Raw != nil {
		return nil
	}
	upTo := func(n, per int) int { return (n + per - 1) / per }
	switch p := w.Packed.(type) {
	case *panels:
		row := d.core.RowBF16
		switch p.kind {
		case compute.F32:
			return nil
		case compute.F16:
			row = d.core.RowF16
		}
		return func(sums, x []float32, j, lo, hi int) {
			words := upTo(hi-lo, 2)
			row(sums, x[lo:][:2*words], p.panel(j, lo/2)[:words*panel], nil)
		}
	case *bytePanels:
		if d.rounds || d.int8 {
			return nil
		}
		return func(sums, x []float32, j, lo, hi int) {
			words := upTo(hi-lo, 4)
			d.core.RowInt8(sums, x[lo:][:4*words], p.data[j*p.pitch+lo/4*panel:][:words*panel], p.scale[j*panel:])
		}
	case *blockPanels:
		if d.rounds {
			return nil
		}
		return func(sums, x []float32, j, lo, hi int) { p.rowSums(d, sums, x, j, lo, hi) }
	case *nf4Panels:
		if d.rounds {
			return nil
		}
		return func(sums, x []float32, j, lo, hi int) { d.rowSumsNF4(p, sums, x, j, lo, hi) }
	}
	return nil
}

// rowSumsNF4 continues the sums of panel j of p by elements lo … hi-1, block by block of magnitudes.
func (d *device) rowSumsNF4(p *nf4Panels, sums, x []float32, j, lo, hi int) {
	largest := d.free.get(panel)
	defer d.free.put(largest)
	for lo < hi {
		next := min(hi, lo/compute.NF4Block*compute.NF4Block+compute.NF4Block)
		p.largest(largest, j, lo/compute.NF4Block)
		words := (next - lo + 7) / 8
		d.core.RowNF4(sums, x[lo:][:8*words], p.data[j*p.pitch+lo/8*panel:][:words*panel], largest)
		lo = next
	}
}
