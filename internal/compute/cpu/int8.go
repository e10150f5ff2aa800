package cpu

import "fettle/internal/compute"

// Products of compute int8: each row of the other factor is rounded to bytes
// of its own scale, codes are multiplied exactly, sums are scaled back. With
// codes u−128 of x and q of w,
//
//	y[i,o] = scale(x[i])·scale[o]·(Σ_k u[i,k]·q[o,k] − 128·Σ_k q[o,k])
//
// For dx = dy·W the scales of w belong to dy.

// int8Product is one such product: rows of x (rows, k) by panels of bytes.
type int8Product struct {
	rows, cols, k int
	row           func(dst []float32, i int) []float32 // row i of x, perhaps in dst
	b             func(scratch []float32, j, count int) (words []float32, pitch int)
	offset, scale []float32
	c             []float32
	finish        func(y, sums, offset, scale []float32, r float32)
}

// matMulInt8 is MatMul for Int8 weights.
func (d *device) matMulInt8(y, x []float32, w *bytePanels, n int) {
	d.runInt8(&int8Product{
		rows: n, cols: w.n, k: w.k, c: y, finish: d.fromInt32, offset: w.byRow, scale: w.scale,
		row: func(_ []float32, i int) []float32 { return x[i*w.k:][:w.k] },
		b:   func(_ []float32, j, _ int) ([]float32, int) { return w.data[j*w.pitch:], w.pitch },
	})
}

// matMulTInt8 is MatMulT for Int8 weights.
func (d *device) matMulTInt8(dx, dy []float32, w *bytePanels, n int) {
	d.runInt8(&int8Product{
		rows: n, cols: w.k, k: w.n, c: dx, finish: d.addInt32, offset: w.byColumn, scale: w.one,
		row: func(dst []float32, i int) []float32 {
			copy(dst, dy[i*w.n:][:w.n])
			d.multiply(dst[:w.n], w.scale)
			return dst[:w.n]
		},
		b: func(scratch []float32, j, _ int) ([]float32, int) {
			pitch := (w.n + panel - 1) / panel * 8 * panel
			for o := 0; o < w.n; o += panel {
				d.turnInt8(&pack{
					dst: scratch[o/4*panel:], ldd: pitch,
					src: w.data[o/panel*w.pitch+j*8*panel:], rows: min(16, w.steps-j*8),
				})
			}
			return scratch, pitch
		},
	})
}

func (d *device) runInt8(g *int8Product) {
	if g.rows == 0 {
		return
	}
	words := (g.k + 15) / 16 * 4 // of a row
	steps := (g.k + 3) / 4
	tiles := (g.rows + tileRows - 1) / tileRows
	start := func(t int) int { return t * g.rows / tiles }
	a, scales := d.free.get(g.rows*words), d.free.get(g.rows)
	defer d.free.put(a)
	defer d.free.put(scales)
	d.chunks(tiles, max(1, elements/(tileRows*g.k)), func(from, to int) {
		codes, x := d.free.get(tileRows*words), d.free.get(g.k)
		defer d.free.put(codes)
		defer d.free.put(x)
		for t := from; t < to; t++ {
			i, n := start(t), start(t+1)-start(t)
			for r := range n {
				scales[i+r] = d.toCodes(codes[r*words:], g.row(x, i+r))
			}
			d.packF32(&pack{dst: a[i*words:], ldd: n, src: codes, lds: words, rows: n, cols: steps})
		}
	})
	panels := (g.cols + panel - 1) / panel
	size := max(turnedAtOnce, d.panelsPerItem(panels, g.rows*g.k/4)/turnedAtOnce*turnedAtOnce)
	d.chunks(panels, size, func(from, to int) {
		scratch, sums := d.free.get(turnedAtOnce*(g.k/4+2*panel)*panel), d.free.get(tileRows*panel)
		defer d.free.put(scratch)
		defer d.free.put(sums)
		t := tile{c: sums, ldc: panel, ldb: panel, steps: steps, cols: panel}
		for j := from; j < to; j += turnedAtOnce {
			count := min(turnedAtOnce, to-j)
			words, pitch := g.b(scratch, j, count)
			for p := range count {
				at := (j + p) * panel
				cols := min(panel, g.cols-at)
				t.b = words[p*pitch:]
				for i := range tiles {
					g.tile(d, &t, a, scales, start(i), start(i+1), at, cols)
				}
			}
		}
	})
}

// tile computes rows lo … hi-1 of the columns from at on.
func (g *int8Product) tile(d *device, t *tile, a, scales []float32, lo, hi, at, cols int) {
	t.rows, t.lda, t.a = hi-lo, hi-lo, a[lo*((g.k+15)/16*4):]
	d.tileInt8(t)
	for r := lo; r < hi; r++ {
		g.finish(g.c[r*g.cols+at:][:cols], t.c[(r-lo)*panel:], g.offset[at:], g.scale[at:], scales[r])
	}
}

// toCodes writes the bytes of x to dst and returns their scale, which is not
// finite if x is not.
func (d *device) toCodes(dst, x []float32) (scale float32) {
	top := d.magnitude(x)
	if top == 0 {
		d.toBytes(x, dst, 0)
		return d.finite(x)
	}
	d.toBytes(x, dst, 127/top)
	return top/127 + d.finite(x)
}

// intWeights are the bytes of w, if it has any and d multiplies bytes.
func (d *device) intWeights(w *compute.Matrix) *bytePanels {
	if !d.int8 || !d.vnni {
		return nil
	}
	switch p := w.Packed.(type) {
	case *bytePanels:
		return p
	case *compute.Int8Weights:
		return packBytes(p)
	}
	return nil
}
