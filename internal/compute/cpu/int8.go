package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Products of compute int8: each row of the other factor is rounded to bytes of its own scale, codes are multiplied
// exactly, sums are scaled back. With codes u−128 of x and q of w,
//
//	y[i,o] = scale(x[i])·scale[o]·(Σ_k u[i,k]·q[o,k] − 128·Σ_k q[o,k])
//
// For dx = dy·W the scales of w belong to dy.

// int8Product describes one such product: rows of x (rows, k) by panels of bytes.
type int8Product struct {
	rows, cols, k int
	row           func(dst []float32, i int) []float32 // row i of x, perhaps in dst
	b             func(scratch []kernel.Word, j, count int) (words []kernel.Word, pitch int)
	offset        []int32
	scale         []float32
	c             []float32
	finish        func(*kernel.IntSums)

	tile   byteTile
	tiles  int           // that the rows are cut into, differing by one row at most
	a      []kernel.Word // codes of x, tile by tile
	scales []float32     // of the rows of x
}

// matMulInt8 computes MatMul for Int8 weights.
func (d *device) matMulInt8(y, x []float32, w *bytePanels, n int) {
	if d.core.AMX != nil && n > amxFew {
		d.matMulInt8AMX(y, x, w, n)
		return
	}
	d.runInt8(d.forwardInt8(y, x, w, n))
}

// forwardInt8 returns the product that matMulInt8 computes.
func (d *device) forwardInt8(y, x []float32, w *bytePanels, n int) *int8Product {
	return &int8Product{
		rows: n, cols: w.n, k: w.k, c: y, finish: d.core.FromInt32, offset: w.byRow, scale: w.scale,
		row: func(_ []float32, i int) []float32 { return x[i*w.k:][:w.k] },
		b:   func(_ []kernel.Word, j, _ int) ([]kernel.Word, int) { return w.data[j*w.pitch:], w.pitch },
	}
}

// matMulsInt8 computes MatMuls for Int8 weights, and reports false where some are others, or go to tile registers.
func (d *device) matMulsInt8(x []float32, n int, products []compute.Product) bool {
	all := make([]*int8Product, len(products))
	for i, p := range products {
		w := d.intWeights(p.W)
		if w == nil || d.core.AMX != nil {
			return false
		}
		compute.Need(len(p.Y), n*w.n)
		compute.Need(len(x), n*w.k)
		all[i] = d.forwardInt8(p.Y, x, w, n)
	}
	d.runInt8(all...)
	return true
}

// matMulTInt8 computes MatMulT for Int8 weights.
func (d *device) matMulTInt8(dx, dy []float32, w *bytePanels, n int) {
	if d.core.AMX != nil && n > amxFew {
		d.matMulTInt8AMX(dx, dy, w, n)
		return
	}
	d.runInt8(&int8Product{
		rows: n, cols: w.k, k: w.n, c: dx, finish: d.core.AddInt32, offset: w.byColumn, scale: w.one,
		row: func(dst []float32, i int) []float32 { return d.scaledRow(dst, dy, w, i) },
		b: func(scratch []kernel.Word, j, _ int) ([]kernel.Word, int) {
			pitch := (w.n + panel - 1) / panel * 8 * panel
			for o := 0; o < w.n; o += panel {
				d.pack(d.core.TransposeInt8, kernel.Pack{
					Dst: scratch[o/4*panel:], LDD: pitch,
					Src: w.data[o/panel*w.pitch+j*8*panel:], Rows: min(16, w.steps-j*8),
				})
			}
			return scratch, pitch
		},
	})
}

// scaledRow writes row i of dy times the scales of w.
func (d *device) scaledRow(dst, dy []float32, w *bytePanels, i int) []float32 {
	copy(dst, dy[i*w.n:][:w.n])
	d.core.Multiply(dst[:w.n], w.scale)
	return dst[:w.n]
}

// steps returns how many words of four bytes the reduction has.
func (g *int8Product) steps() int { return (g.k + 3) / 4 }

// start returns the first row of tile t.
func (g *int8Product) start(t int) int { return t * g.rows / g.tiles }

// runInt8 computes products of the same rows, in parts of few enough that their codes stay near while all panels pass.
func (d *device) runInt8(all ...*int8Product) {
	rows := all[0].rows
	tile := newByteTile(&d.core, rows)
	parts := upTo(rows, tile.together)
	for i := range parts {
		lo, hi := i*rows/parts, (i+1)*rows/parts
		part := make([]*int8Product, len(all))
		for i, g := range all {
			p := *g
			p.rows, p.c, p.tile, p.tiles = hi-lo, g.c[lo*g.cols:], tile, upTo(hi-lo, tile.rows)
			p.row = func(dst []float32, i int) []float32 { return g.row(dst, lo+i) }
			part[i] = &p
		}
		d.runRowsInt8(part)
	}
}

// batches returns how many times panelsPerBatch panels the product has.
func (g *int8Product) batches() int { return upTo(upTo(g.cols, panel), panelsPerBatch) }

func (d *device) runRowsInt8(all []*int8Product) {
	g := all[0]
	codes, scales := d.free.words(g.rows*d.codeWords(g.k)), d.free.get(g.rows)
	defer d.free.putWords(codes)
	defer d.free.put(scales)
	batches := 0
	for _, p := range all {
		p.a, p.scales = codes, scales
		batches += p.batches()
	}
	d.chunks(g.tiles, max(1, elements/(g.tile.rows*g.k)), func(from, to int) { d.encode(g, from, to) })
	d.panelRuns(batches, g.rows*g.k/4, func(from, to int) {
		inEach(all, (*int8Product).batches, from, to, func(g *int8Product, from, to int) {
			d.multiplyInt8(g, from*panelsPerBatch, min(upTo(g.cols, panel), to*panelsPerBatch))
		})
	})
}

// multiplyInt8 computes panels from … to-1 of the product.
func (d *device) multiplyInt8(g *int8Product, from, to int) {
	scratch := d.free.words(panelsPerBatch * (g.k/4 + 2*panel) * panel)
	defer d.free.putWords(scratch)
	w := int8Work{device: d, int8Product: g}
	defer w.acquire()()
	for j := from; j < to; j += panelsPerBatch {
		count := min(panelsPerBatch, to-j)
		words, pitch := g.b(scratch, j, count)
		for p := range count {
			w.panel(words[p*pitch:], (j+p)*panel)
		}
	}
}

// encode makes the codes of tiles from … to-1.
func (d *device) encode(g *int8Product, from, to int) {
	words := d.codeWords(g.k)
	codes, x := d.free.words(g.tile.rows*words), d.free.get(g.k)
	defer d.free.putWords(codes)
	defer d.free.put(x)
	for t := from; t < to; t++ {
		i, n := g.start(t), g.start(t+1)-g.start(t)
		for r := range n {
			g.scales[i+r] = d.toCodes(codes[r*words:], g.row(x, i+r))
		}
		d.pack(d.core.PackF32, kernel.Pack{
			Dst: g.a[i*words:], LDD: n, Src: codes, LDS: words, Rows: n, Cols: g.steps() * 4 / d.core.Codes,
		})
	}
}

// codeWords returns how many words the codes of a row of k take.
func (d *device) codeWords(k int) int { return (k + 15) / 16 * 16 / d.core.Codes }

// toCodes writes the codes of x to dst and returns their scale, which is not finite if x is not.
func (d *device) toCodes(dst []kernel.Word, x []float32) (scale float32) {
	write := d.core.ToBytes
	if d.core.Codes == 2 {
		write = d.core.ToPairs
	}
	top := d.core.Magnitude(x)
	if top == 0 {
		write(x, dst, 0)
		return d.core.Finite(x)
	}
	write(x, dst, 127/top)
	return top/127 + d.core.Finite(x)
}

// intWeights returns the bytes of w, if it has any and d multiplies bytes.
func (d *device) intWeights(w *compute.Matrix) *bytePanels {
	if !d.int8 || d.core.Codes == 0 {
		return nil
	}
	switch p := w.Packed.(type) {
	case *bytePanels:
		return p
	case *compute.Int8Weights:
		return d.packBytes("", p)
	}
	return nil
}
