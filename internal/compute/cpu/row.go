package cpu

import (
	"math"

	"fettle/internal/compute"
)

// Products of a single row, as decoding has them, read the weights once and do
// little with them: their kernels take the words as they lie. The sums are
// those of the tiles, to the bit.

// rowKernel continues 32 sums, one a column, by the products of x with words
// that hold as many elements of each column; len(x) is a multiple of what a word
// holds. Elements are multiplied by the scale of their column first, if columns
// have any.
type rowKernel func(sums, x, words, scale []float32)

// oneRow is MatMul for one row, where there is a kernel for these weights.
func (d *device) oneRow(y, x []float32, w *compute.Matrix) bool {
	goOn := d.rowSums(w)
	if goOn == nil {
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
			goOn(total, padded, j, 0, g.block(1))
			for b := 1; b < g.blocks(); b++ {
				clear(sums)
				goOn(sums, padded, j, g.block(b), g.block(b+1))
				d.add(total, sums)
			}
			copy(y[j*panel:w.N], total)
		}
	})
	return true
}

// rowSums continues the sums of panel j of w by elements lo … hi-1. It is nil
// where tiles do better or have sums of another kind.
func (d *device) rowSums(w *compute.Matrix) func(sums, x []float32, j, lo, hi int) {
	if d.rowBF16 == nil || d.bf16 || w.Raw != nil {
		return nil
	}
	upTo := func(n, per int) int { return (n + per - 1) / per }
	switch p := w.Packed.(type) {
	case *panels:
		kernel := d.rowBF16
		switch p.kind {
		case compute.F32:
			return nil
		case compute.F16:
			kernel = d.rowF16
		}
		return func(sums, x []float32, j, lo, hi int) {
			words := upTo(hi-lo, 2)
			kernel(sums, x[lo:][:2*words], p.panel(j, lo/2)[:words*panel], nil)
		}
	case *bytePanels:
		if d.rounds || d.int8 {
			return nil
		}
		return func(sums, x []float32, j, lo, hi int) {
			words := upTo(hi-lo, 4)
			d.rowInt8(sums, x[lo:][:4*words], p.data[j*p.pitch+lo/4*panel:][:words*panel], p.scale[j*panel:])
		}
	case *nf4Panels:
		if d.rounds {
			return nil
		}
		return func(sums, x []float32, j, lo, hi int) {
			largest := d.free.get(panel)
			defer d.free.put(largest)
			for lo < hi {
				next := min(hi, lo/compute.NF4Block*compute.NF4Block+compute.NF4Block)
				p.largest(largest, j, lo/compute.NF4Block)
				words := upTo(next-lo, 8)
				d.rowNF4(sums, x[lo:][:8*words], p.data[j*p.pitch+lo/8*panel:][:words*panel], largest)
				lo = next
			}
		}
	}
	return nil
}

// The plain twins.

func rowBF16Go(sums, x, words, _ []float32) {
	continueRow(sums, x, words, 2, func(word uint32, i, _ int) float32 { return compute.FromBF16(uint16(word >> (16 * i))) })
}

func rowF16Go(sums, x, words, _ []float32) {
	continueRow(sums, x, words, 2, func(word uint32, i, _ int) float32 { return compute.FromF16(uint16(word >> (16 * i))) })
}

func rowInt8Go(sums, x, words, scale []float32) {
	continueRow(sums, x, words, 4, func(word uint32, i, c int) float32 { return float32(int8(word>>(8*i))) * scale[c] })
}

func rowNF4Go(sums, x, words, scale []float32) {
	continueRow(sums, x, words, 8, func(word uint32, i, c int) float32 { return compute.NF4Levels[word>>(4*i)&15] * scale[c] })
}

func continueRow(sums, x, words []float32, per int, element func(word uint32, i, c int) float32) {
	for s := 0; s < len(x); s += per {
		for c := range panel {
			word := math.Float32bits(words[s/per*panel+c])
			for i := range per {
				sums[c] += float32(x[s+i] * float32(element(word, i, c)))
			}
		}
	}
}
