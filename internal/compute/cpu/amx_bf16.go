package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// pairsOfStep is the number of words of a panel's column, pairs of bfloat16, that a step takes.
const pairsOfStep = 16

// matMulsAMX computes MatMuls in bfloat16: x is the left factor, laid out once, the panels of all products as they lie
// are the right one.
func (d *device) matMulsAMX(x []float32, n int, products ...compute.Product) {
	if n <= amxFew {
		d.fewRowsAMX(x, n, products...)
		return
	}
	kernels, k := d.core.AMX, products[0].W.K
	firsts := firstPanels(products)
	of := func(j int) (compute.Product, int) { // product and panel
		i := 0
		for j >= firsts[i+1] {
			i++
		}
		return products[i], j - firsts[i]
	}
	g := amxProduct{rows: n, cols: firsts[len(products)] * panel, steps: upTo(k, panel), multiply: kernels.PanelBF16}
	g.lay = func(tiles []kernel.Word, r, count, s0, steps int) {
		kernels.RowsBF16(&kernel.AMXRows{
			X: kernel.Words(x[r*k+s0*panel:]), LD: k, Tiles: tiles, Count: count, Cols: min(k-s0*panel, steps*panel),
		})
	}
	g.strip = func(scratch *amxScratch, j, s0, steps int) []kernel.Word {
		p, j := of(j)
		return d.panelAMX(scratch.opened, p.W, j, s0, steps)
	}
	g.next = func(j, s0 int) ([]kernel.Word, int) {
		p, j := of(j)
		if w, ok := p.W.Packed.(*panels); ok && p.W.Raw == nil {
			return w.panel(j, s0*pairsOfStep), 0
		}
		return nil, 0
	}
	g.out = func(tiles []kernel.Word, r, count, j int) {
		p, j := of(j)
		kernels.OutF32(&kernel.AMXRows{
			X: kernel.Words(p.Y[r*p.W.N+j*panel:]), LD: p.W.N, Tiles: tiles, Count: count, Cols: min(panel, p.W.N-j*panel),
		})
	}
	d.runAMX(&g)
}

// firstPanels numbers the panels of all products: where each one's begin, and where the last one's end.
func firstPanels(products []compute.Product) (firsts []int) {
	firsts = make([]int, len(products)+1)
	for i, p := range products {
		firsts[i+1] = firsts[i] + upTo(p.W.N, panel)
	}
	return firsts
}

// matMulTAMX computes MatMulT in bfloat16, as dxᵀ = Wᵀ·dyᵀ: a step is a panel, of which 32 columns of W, a chunk, are
// the left factor.
func (d *device) matMulTAMX(dx, dy []float32, w *compute.Matrix, n int) {
	k := d.core.AMX
	g := amxProduct{rows: n, cols: w.K, steps: upTo(w.N, panel), multiply: k.ChunkBF16}
	g.lay = func(tiles []kernel.Word, r, count, s0, steps int) {
		k.TurnBF16(&kernel.AMXRows{
			X: kernel.Words(dy[r*w.N+s0*panel:]), LD: w.N, Tiles: tiles, Count: count, Cols: min(w.N-s0*panel, steps*panel),
		})
	}
	p, ok := w.Packed.(*panels)
	ok = ok && w.Raw == nil
	g.strip = func(scratch *amxScratch, j, s0, steps int) []kernel.Word {
		m := kernel.AMXRows{Tiles: scratch.parted, Count: min(pairsOfStep, (w.K+1)/2-j*pairsOfStep), Cols: steps}
		if ok {
			m.X, m.LD = p.panel(s0, j*pairsOfStep), p.pitch
		} else {
			m.X, m.LD = scratch.opened, kernel.AMXStep
			for s := range steps {
				d.openPairs(m.X[s*m.LD:], w, s0+s, j*pairsOfStep, m.Count)
			}
		}
		k.PartBF16(&m)
		return scratch.parted
	}
	if ok {
		g.next = func(j, s0 int) ([]kernel.Word, int) { return p.panel(s0, j*pairsOfStep), 4 * p.pitch }
	}
	g.out = func(tiles []kernel.Word, r, count, j int) {
		k.AddTurnedF32(&kernel.AMXRows{
			X: kernel.Words(dx[r*w.K+j*panel:]), LD: w.K, Tiles: tiles, Count: count, Cols: min(panel, w.K-j*panel),
		})
	}
	d.runAMX(&g)
}

// fewRowsAMX computes MatMuls for rows that fit one tile. They pass over a panel together, and the panels of all
// products are one piece of work.
func (d *device) fewRowsAMX(x []float32, n int, products ...compute.Product) {
	if n == 0 {
		return
	}
	k := products[0].W.K
	a := d.free.words(upTo(k, panel) * kernel.AMXStep)
	defer d.free.putWords(a)
	d.core.AMX.RowsBF16(&kernel.AMXRows{X: kernel.Words(x[:n*k]), LD: k, Tiles: a, Count: n, Cols: k})
	firsts := firstPanels(products)
	const enough = 1 << 16 // weights of a work item
	d.chunks(firsts[len(products)], max(1, enough/(panel*k)), func(from, to int) {
		scratch, release := d.scratchAMX()
		defer release()
		sums := scratch.parted[:kernel.AMXStep]
		for i, p := range products {
			for j := max(from, firsts[i]); j < min(to, firsts[i+1]); j++ {
				d.fewRowsOfPanel(scratch, sums, a, p.W, j-firsts[i], n)
				takeSums(p.Y, sums, p.W.N, (j-firsts[i])*panel, n)
			}
		}
	})
}

// fewRowsOfPanel sums n rows, laid out in a, by panel j of w.
func (d *device) fewRowsOfPanel(scratch *amxScratch, sums, a []kernel.Word, w *compute.Matrix, j, n int) {
	steps, whole := upTo(w.K, panel), 0 // whole: those that need not be opened
	if p, ok := w.Packed.(*panels); ok && w.Raw == nil {
		whole = p.steps / pairsOfStep
	}
	s := kernel.AMXStrip{C: sums, Rows: n}
	for at := 0; at < steps; at += s.Steps {
		if s.Steps = min(amxDepth, steps-at); at < whole {
			s.Steps = whole - at
		}
		s.X, s.W = a[at*kernel.AMXStep:], d.panelAMX(scratch.opened, w, j, at, s.Steps)
		d.core.AMX.FewBF16(&s)
		s.Mode = kernel.ModeContinue
	}
}

// takeSums copies the sums of n rows, in two tiles, to columns at … at+31 of y (n, cols).
func takeSums(y []float32, sums []kernel.Word, cols, at, n int) {
	for r := range n {
		row := kernel.Words(y[r*cols+at : r*cols+min(cols, at+panel)])
		copy(row, sums[r*16:][:16])
		copy(row[min(len(row), 16):], sums[kernel.AMXStep/2+r*16:][:16])
	}
}

// panelAMX returns steps s0 … s0+steps-1 of panel j of w, in scratch where they do not lie so.
func (d *device) panelAMX(scratch []kernel.Word, w *compute.Matrix, j, s0, steps int) []kernel.Word {
	s0, steps = s0*pairsOfStep, steps*pairsOfStep
	if p, ok := w.Packed.(*panels); ok && w.Raw == nil && s0+steps <= p.steps {
		return p.panel(j, s0)[:steps*panel]
	}
	clear(scratch[:steps*panel])
	d.openPairs(scratch, w, j, s0, min(steps, (w.K+1)/2-s0))
	return scratch
}

// openPairs writes words s0 … s0+steps-1 of panel j of w, pairs of bfloat16; columns that w lacks are zero.
func (d *device) openPairs(dst []kernel.Word, w *compute.Matrix, j, s0, steps int) {
	q, isQuantized := w.Packed.(quantized)
	p, isPanels := w.Packed.(*panels)
	switch {
	case isQuantized:
		d.dequantizeRows(dst, q, j, s0, steps, w.K)
	case w.Raw != nil || !isPanels:
		d.layOut(dst, w, compute.BF16, j, s0, steps)
	default:
		copy(dst[:steps*panel], p.panel(j, s0))
	}
	for s := 0; s < steps && w.N < (j+1)*panel; s++ {
		clear(dst[s*panel+w.N-j*panel : (s+1)*panel])
	}
}
