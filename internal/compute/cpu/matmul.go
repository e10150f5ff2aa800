package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Steps of a block, by the kind of step: long enough that C's traffic is negligible, short enough that A's block stays
// in the cache.
const (
	depthF32  = 512
	depthBF16 = 1024
)

// MatMul: a step is one element along K, or a pair of them.
func (d *device) MatMul(y, x []float32, w *compute.Matrix, n int) {
	compute.Need(len(y), n*w.N)
	compute.Need(len(x), n*w.K)
	if p := d.intWeights(w); p != nil {
		d.matMulInt8(y, x, p, n)
		return
	}
	if p := d.inCodes(w); p != nil && n > 1 {
		d.matMulCodes(x, n, compute.Product{Y: y, W: w})
		return
	}
	if n == 1 && d.oneRow(x, []compute.Product{{Y: y, W: w}}) {
		return
	}
	if d.roundsRuns(w) {
		x = d.fakeCodes(x, n, w.K)
		defer d.free.put(x)
		d.inFloat32().MatMul(y, x, d.roundedLevels(w), n)
		return
	}
	if d.tiled() {
		d.matMulsAMX(x, n, compute.Product{Y: y, W: w})
		return
	}
	if d.int8Scales(w) != nil {
		x = d.fakeQuantize(x, n, w.K, nil)
		defer d.free.put(x)
	}
	d.run(d.forward(x, n, compute.Product{Y: y, W: w}))
}

// forward returns the product of rows x (n, K) with weights that tiles multiply as floats.
func (d *device) forward(x []float32, n int, p compute.Product) *product {
	w := p.W
	g := &product{rows: n, cols: w.N, c: p.Y, ldc: w.N}
	d.reduce(g, x, w.K)
	g.b = func(scratch []kernel.Word, j, count, s0, steps int) ([]kernel.Word, int, int) {
		p, ok := w.Packed.(*panels)
		if ok && w.Raw == nil && (d.bf16 || p.kind == compute.F32) {
			return p.panel(j, s0), panel, p.pitch
		}
		pitch := (steps + 8) * panel
		q, isQuantized := w.Packed.(quantized)
		for i := range count {
			dst := scratch[i*pitch:]
			switch {
			case isQuantized:
				d.dequantizeRows(dst, q, j+i, s0, steps, w.K)
			case w.Raw != nil || !ok:
				d.layOut(dst, w, d.wordKind(), j+i, s0, steps)
			case p.kind == compute.BF16:
				d.pack(d.core.WidenBF16, kernel.Pack{Dst: dst, Src: p.panel(j+i, s0/2), Cols: (steps + 1) / 2})
			default:
				d.pack(d.core.WidenF16, kernel.Pack{Dst: dst, Src: p.panel(j+i, s0/2), Cols: (steps + 1) / 2})
			}
		}
		return scratch, panel, pitch
	}
	g.ahead = func(j, count, s0, steps int) ahead {
		p, ok := w.Packed.(*panels)
		if !ok || w.Raw != nil {
			return ahead{}
		}
		if !d.bf16 && p.kind != compute.F32 {
			s0, steps = s0/2, steps/2
		}
		return ahead{words: p.panel(j, s0), count: count, each: steps * panel, pitch: p.pitch}
	}
	return g
}

// MatMulT: a step is one element along N, or a pair of them.
func (d *device) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	if p := d.intWeights(w); p != nil {
		d.matMulTInt8(dx, dy, p, n)
		return
	}
	if d.tiled() {
		d.matMulTAMX(dx, dy, w, n)
		return
	}
	if scale := d.int8Scales(w); scale != nil {
		dy = d.fakeQuantize(dy, n, w.N, scale)
		defer d.free.put(dy)
	}
	g := product{rows: n, cols: w.K, c: dx, ldc: w.K, add: true}
	d.reduce(&g, dy, w.N)
	g.pieceSteps = panel
	if d.bf16 {
		g.pieceSteps = panel / 2
	}
	g.piece = func(scratch []kernel.Word, at layout, j, count, s0, steps, i int) {
		from := i * g.pieceSteps
		scratch, s0, steps = scratch[from*at.ld:], s0+from, min(g.pieceSteps, steps-from)
		if p, ok := w.Packed.(*panels); ok && w.Raw == nil {
			d.transposePanels(scratch, at, p, j, count, s0, steps)
			return
		}
		q, isQuantized := w.Packed.(quantized)
		for i := range count {
			if isQuantized {
				d.dequantizeColumns(scratch[i*at.pitch:], at, q, j+i, s0, steps, w.N, w.K)
			} else {
				d.columns(scratch[i*at.pitch:], at, w, j+i, s0, steps)
			}
		}
	}
	g.ahead = func(j, count, s0, steps int) ahead {
		p, ok := w.Packed.(*panels)
		if !ok || w.Raw != nil {
			return ahead{}
		}
		if d.bf16 {
			s0, steps = s0*2, steps*2
		}
		at := j * panel / p.per()
		each := min(count*panel/p.per(), p.steps-at) * panel
		return ahead{words: p.panel(s0/panel, at), count: upTo(steps, panel), each: each, pitch: p.pitch, part: each}
	}
	d.run(&g)
}

// reduce gives g the rows x (n, k) as its A, and the tile for it.
func (d *device) reduce(g *product, x []float32, k int) {
	g.tile, g.strips, g.steps, g.depth = d.core.TileF32, d.inStrips(g.rows), k, depthF32
	packA, per := d.core.PackF32, 1
	if d.bf16 {
		g.tile, g.strips, g.steps, g.depth = d.core.TileBF16, false, (k+1)/2, depthBF16
		packA, per = d.core.PackBF16, 2
	}
	g.a = func(dst []kernel.Word, i, rows, s0, steps int) {
		k0 := s0 * per
		src := kernel.Words(x[i*k+k0:])
		d.pack(packA, kernel.Pack{Dst: dst, LDD: rows, Src: src, LDS: k, Rows: rows, Cols: min(k-k0, steps*per)})
		d.round(kernel.Floats(dst[:rows*steps]))
	}
}

// transposePanels writes count panels of columns of prepared weights, from j on: element or pair s0+s of the reduction
// over their rows, columns from 32(j+i) on. Its input lies in chunks, one for all count panels in each panel of w.
func (d *device) transposePanels(scratch []kernel.Word, at layout, w *panels, j, count, s0, steps int) {
	transpose, per := d.core.TransposeF16F32, 1
	switch {
	case d.bf16:
		transpose, per = d.core.TransposeBF16, 2
	case w.kind == compute.BF16:
		transpose = d.core.TransposeBF16F32
	}
	for o := s0 * per; o < (s0+steps)*per && o < w.n; o += panel {
		for i := range count {
			k, dst := (j+i)*panel, scratch[i*at.pitch+(o/per-s0)*at.ld:]
			if w.kind != compute.F32 {
				d.pack(transpose, kernel.Pack{
					Dst: dst, LDD: at.ld, Half: at.half, Src: w.panel(o/panel, k/2), LDS: w.pitch,
					Rows: min(16, w.steps-k/2), Cols: 1,
				})
				continue
			}
			for c := 0; c < min(panel, w.k-k); c += kernel.SmallCols {
				d.pack(d.core.PackF32, kernel.Pack{
					Dst: dst[c/kernel.SmallCols*at.half:], LDD: at.ld, Src: w.panel(o/panel, k+c), LDS: panel,
					Rows: min(kernel.SmallCols, w.k-k-c), Cols: min(panel, s0+steps-o),
				})
			}
		}
	}
}

// columns computes transposePanels for one panel of a matrix as stored.
func (d *device) columns(scratch []kernel.Word, at layout, w *compute.Matrix, j, s0, steps int) {
	k0, cols := j*panel, min(panel, w.K-j*panel)
	row := func(dst []float32, i int) {
		w.Row(dst[:cols], i, k0)
		clear(dst[cols:panel])
	}
	rows := d.free.get(2 * panel)
	defer d.free.put(rows)
	words := kernel.Words(rows)
	if !d.bf16 {
		for s := range steps {
			row(rows, s0+s)
			d.round(rows[:panel])
			copy(scratch[s*at.ld:][:kernel.SmallCols], words)
			copy(scratch[at.half+s*at.ld:][:kernel.SmallCols], words[kernel.SmallCols:])
		}
		return
	}
	for s := range steps {
		clear(rows)
		row(rows, 2*(s0+s))
		if i := 2*(s0+s) + 1; i < w.N {
			row(rows[panel:], i)
		}
		d.pack(d.core.PairBF16, kernel.Pack{Dst: scratch[s*panel:], Src: words, LDS: panel, Rows: 2})
	}
}

// wordKind returns the element type of the tile's words.
func (d *device) wordKind() compute.DType {
	if d.bf16 {
		return compute.BF16
	}
	return compute.F32
}

// Embed: y[i] = w[tokens[i]].
func (d *device) Embed(y []float32, w *compute.Matrix, tokens []int32) {
	compute.Need(len(y), len(tokens)*w.K)
	d.chunks(len(tokens), rowsPerItem(w.K), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.Row(y[i*w.K:][:w.K], int(tokens[i]), 0)
		}
	})
}
