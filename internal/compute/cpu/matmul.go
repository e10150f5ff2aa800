package cpu

import "fettle/internal/compute"

// Steps of a block, by what a step is: long enough that C's traffic drowns,
// short enough that A's block stays near.
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
	if n == 1 && d.oneRow(y, x, w) {
		return
	}
	if d.int8Scales(w) != nil {
		x = d.fakeQuantize(x, n, w.K, nil)
		defer d.free.put(x)
	}
	g := product{rows: n, cols: w.N, c: y, ldc: w.N}
	d.reduce(&g, x, w.K)
	g.b = func(scratch []float32, j, count, s0, steps int) ([]float32, int, int) {
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
				d.widenBF16(&pack{dst: dst, src: p.panel(j+i, s0/2), cols: (steps + 1) / 2})
			default:
				d.widenF16(&pack{dst: dst, src: p.panel(j+i, s0/2), cols: (steps + 1) / 2})
			}
		}
		return scratch, panel, pitch
	}
	g.prefetch = func(j, count, s0, steps, part, parts int) []float32 {
		p, ok := w.Packed.(*panels)
		if !ok || w.Raw != nil {
			return nil
		}
		if !d.bf16 && p.kind != compute.F32 {
			s0, steps = s0/2, steps/2
		}
		// All panels' words as one row, cut into parts.
		lo, hi := part*count*steps/parts, (part+1)*count*steps/parts
		i := lo / max(1, steps)
		return p.panel(j+i, s0+lo-i*steps)[:max(0, min(hi-i*steps, steps)-(lo-i*steps))*panel]
	}
	d.run(&g)
}

// MatMulT: a step is one element along N, or a pair of them.
func (d *device) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	if p := d.intWeights(w); p != nil {
		d.matMulTInt8(dx, dy, p, n)
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
	g.piece = func(scratch []float32, at layout, j, count, s0, steps, i int) {
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
	g.prefetch = func(j, count, s0, steps, part, parts int) []float32 {
		p, ok := w.Packed.(*panels)
		if !ok || w.Raw != nil {
			return nil
		}
		if d.bf16 {
			s0, steps = s0*2, steps*2
		}
		at, chunks := j*panel/p.per(), (steps+panel-1)/panel // one chunk in each panel of w
		if part >= chunks {
			return nil
		}
		return p.panel(s0/panel+part, at)[:min(count*panel/p.per(), p.steps-at)*panel]
	}
	d.run(&g)
}

// reduce gives g the rows x (n, k) as its A, and the tile for it.
func (d *device) reduce(g *product, x []float32, k int) {
	g.tile, g.strips, g.steps, g.depth = d.tileF32, d.inStrips(g.rows), k, depthF32
	packA, per := d.packF32, 1
	if d.bf16 {
		g.tile, g.strips, g.steps, g.depth = d.tileBF16, false, (k+1)/2, depthBF16
		packA, per = d.packBF16, 2
	}
	g.a = func(dst []float32, i, rows, s0, steps int) {
		k0 := s0 * per
		packA(&pack{dst: dst, ldd: rows, src: x[i*k+k0:], lds: k, rows: rows, cols: min(k-k0, steps*per)})
		d.round(dst[:rows*steps])
	}
}

// turn writes count panels of columns of prepared weights, from j on: element
// or pair s0+s of the reduction over their rows, columns from 32(j+i) on. What it
// reads lies in chunks, one for all count panels in each panel of w.
func (d *device) transposePanels(scratch []float32, at layout, w *panels, j, count, s0, steps int) {
	kernel, per := d.transposeF16F32, 1
	switch {
	case d.bf16:
		kernel, per = d.transposeBF16, 2
	case w.kind == compute.BF16:
		kernel = d.transposeBF16F32
	}
	var p pack
	for o := s0 * per; o < (s0+steps)*per && o < w.n; o += panel {
		for i := range count {
			k, dst := (j+i)*panel, scratch[i*at.pitch+(o/per-s0)*at.ld:]
			if w.kind != compute.F32 {
				p = pack{dst: dst, ldd: at.ld, half: at.half, src: w.panel(o/panel, k/2), rows: min(16, w.steps-k/2), cols: 1, lds: w.pitch}
				kernel(&p)
				continue
			}
			for c := 0; c < min(panel, w.k-k); c += smallCols {
				p = pack{
					dst: dst[c/smallCols*at.half:], ldd: at.ld, src: w.panel(o/panel, k+c), lds: panel,
					rows: min(smallCols, w.k-k-c), cols: min(panel, s0+steps-o),
				}
				d.packF32(&p)
			}
		}
	}
}

// columns is turn for a matrix as stored.
func (d *device) columns(scratch []float32, at layout, w *compute.Matrix, j, s0, steps int) {
	k0, cols := j*panel, min(panel, w.K-j*panel)
	row := func(dst []float32, i int) {
		w.Row(dst[:cols], i, k0)
		clear(dst[cols:panel])
	}
	rows := d.free.get(2 * panel)
	defer d.free.put(rows)
	if !d.bf16 {
		for s := range steps {
			row(rows, s0+s)
			d.round(rows[:panel])
			copy(scratch[s*at.ld:][:smallCols], rows)
			copy(scratch[at.half+s*at.ld:][:smallCols], rows[smallCols:])
		}
		return
	}
	for s := range steps {
		clear(rows)
		row(rows, 2*(s0+s))
		if i := 2*(s0+s) + 1; i < w.N {
			row(rows[panel:], i)
		}
		d.pairBF16(&pack{dst: scratch[s*panel:], src: rows, lds: panel, rows: 2})
	}
}

// wordKind is what the words of the tile hold.
func (d *device) wordKind() compute.DType {
	if d.bf16 {
		return compute.BF16
	}
	return compute.F32
}

// Embed copies rows.
func (d *device) Embed(y []float32, w *compute.Matrix, tokens []int32) {
	compute.Need(len(y), len(tokens)*w.K)
	d.chunks(len(tokens), rowsPerItem(w.K), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.Row(y[i*w.K:][:w.K], int(tokens[i]), 0)
		}
	})
}
