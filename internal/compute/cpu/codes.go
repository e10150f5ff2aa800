package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// In compute int8, products x·Wᵀ with weights in GGUF's blocks round each run of 32 of x to bytes of its own scale and
// multiply codes, as kernel.BlockRows has it. Every row is computed alone, so that decoding has the bits of reading a
// prompt. dx = dy·W takes the weights as float32.

// rowsOfCodes is how many rows pass over a panel together: their codes of a block stay in the first cache.
const rowsOfCodes = 16

// runWords returns how many words the codes of k elements take, run by run.
func runWords(k int) int { return k / kernel.Run * kernel.RunWords }

// inCodes returns the panels of w, if d multiplies them by codes.
func (d *device) inCodes(w *compute.Matrix) *blockPanels {
	p, ok := w.Packed.(*blockPanels)
	if !ok || !d.int8 || p.kernels.Codes == nil {
		return nil
	}
	return p
}

// codeRows rounds x (n, k) to codes. The caller puts them back to the pool.
func (d *device) codeRows(x []float32, n, k int) []kernel.Word {
	codes := d.free.words(n * runWords(k))
	d.chunks(n, rowsPerItem(k), func(lo, hi int) {
		d.core.CodeRuns(x[lo*k:hi*k], codes[lo*runWords(k):])
	})
	return codes
}

// matMulCodes computes MatMul, at most rowsAtOnce rows at a time.
func (d *device) matMulCodes(y, x []float32, p *blockPanels, n int) {
	for i := 0; i < n; i += rowsAtOnce {
		rows := min(rowsAtOnce, n-i)
		codes := d.codeRows(x[i*p.k:], rows, p.k)
		d.rowsTimesPanels(y[i*p.n:], codes, p, rows)
		d.free.putWords(codes)
	}
}

// rowsTimesPanels computes the products of n rows of codes.
func (d *device) rowsTimesPanels(y []float32, x []kernel.Word, p *blockPanels, n int) {
	panels := upTo(p.n, panel)
	d.chunks(panels, d.panelsPerItem(panels, n*p.k/4), func(from, to int) {
		sums, room := d.free.get(rowsOfCodes*panel), d.free.get(kernel.BlockScales)
		defer d.free.put(sums)
		defer d.free.put(room)
		var b kernel.BlockRows
		for j := from; j < to; j++ {
			cols := min(panel, p.n-j*panel)
			for i := 0; i < n; i += rowsOfCodes {
				rows := min(rowsOfCodes, n-i)
				clear(sums[:rows*panel])
				b = p.ofRows(sums, x[i*runWords(p.k):], room, j, rows)
				p.kernels.Codes(&b)
				for r := range rows {
					copy(y[(i+r)*p.n+j*panel:][:cols], sums[r*panel:])
				}
			}
		}
	})
}

// ofRows returns the arguments of the kernel that adds the products of panel j by rows of codes to sums (rows, 32).
func (p *blockPanels) ofRows(sums []float32, x []kernel.Word, room []float32, j, rows int) kernel.BlockRows {
	return kernel.BlockRows{
		Dst: sums, X: x, Src: p.data[j*p.pitch:], Scales: room, Rows: rows, LDX: runWords(p.k), Count: p.k / p.of.Elements,
	}
}
