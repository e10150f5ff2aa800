package cpu

import "fettle/internal/compute/cpu/kernel"

// wordsOfStep is the number of words of four bytes of a panel's column that a step takes; of chunks it takes two
// panels.
const wordsOfStep = 16

// matMulInt8AMX computes matMulInt8, to the bit, as sums are exact.
func (d *device) matMulInt8AMX(y, x []float32, w *bytePanels, n int) {
	k := d.core.AMX
	codes := d.codesAMX(n, w.k, func(_ []float32, i int) []float32 { return x[i*w.k:][:w.k] })
	defer codes.release()
	g := amxProduct{rows: n, cols: w.n, steps: upTo(w.steps, wordsOfStep), multiply: k.PanelInt8}
	g.lay = func(tiles []kernel.Word, r, count, s0, steps int) { k.RowsInt8(codes.rows(tiles, r, count, s0, steps)) }
	g.strip = func(scratch *amxScratch, j, s0, steps int) []kernel.Word {
		s0, steps = s0*wordsOfStep, steps*wordsOfStep
		words, there := w.data[j*w.pitch+s0*panel:], (w.steps-s0)*panel
		if there >= steps*panel {
			return words
		}
		copy(scratch.opened, words[:there])
		clear(scratch.opened[there : steps*panel])
		return scratch.opened
	}
	g.next = func(j, s0 int) ([]kernel.Word, int) { return w.data[j*w.pitch+s0*wordsOfStep*panel:], 0 }
	g.out = func(tiles []kernel.Word, r, count, j int) {
		k.OutInt32(&kernel.AMXRows{
			X: kernel.Words(y[r*w.n+j*panel:]), LD: w.n, Tiles: tiles, Count: count, Cols: min(panel, w.n-j*panel),
			R: codes.scales[r:], Scale: w.scale[j*panel:],
		})
	}
	d.runAMX(&g)
}

// matMulTInt8AMX computes matMulTInt8, to the bit.
func (d *device) matMulTInt8AMX(dx, dy []float32, w *bytePanels, n int) {
	k, lines := d.core.AMX, wordsOfStep/2
	codes := d.codesAMX(n, w.n, func(dst []float32, i int) []float32 { return d.scaledRow(dst, dy, w, i) })
	defer codes.release()
	panels := upTo(w.n, panel)
	g := amxProduct{rows: n, cols: w.k, steps: upTo(panels, 2), multiply: k.ChunkInt8}
	g.lay = func(tiles []kernel.Word, r, count, s0, steps int) { k.TurnInt8(codes.rows(tiles, r, count, s0, steps)) }
	g.strip = func(scratch *amxScratch, j, s0, steps int) []kernel.Word {
		m := kernel.AMXRows{Tiles: scratch.parted, Count: min(lines, w.steps-j*lines), Cols: steps}
		m.X, m.LD = w.data[2*s0*w.pitch+j*lines*panel:], w.pitch
		if 2*(s0+steps) > panels { // one more than there are
			for s := range 2 * steps {
				to := scratch.opened[s*kernel.AMXStep/2:][:m.Count*panel]
				clear(to)
				if 2*s0+s < panels {
					copy(to, m.X[s*w.pitch:])
				}
			}
			m.X, m.LD = scratch.opened, kernel.AMXStep/2
		}
		k.PartInt8(&m)
		return scratch.parted
	}
	g.next = func(j, s0 int) ([]kernel.Word, int) { return w.data[2*s0*w.pitch+j*lines*panel:], 8 * w.pitch }
	g.out = func(tiles []kernel.Word, r, count, j int) {
		k.AddTurnedInt32(&kernel.AMXRows{
			X: kernel.Words(dx[r*w.k+j*panel:]), LD: w.k, Tiles: tiles, Count: count, Cols: min(panel, w.k-j*panel),
			R: codes.scales[r:],
		})
	}
	d.runAMX(&g)
}

// amxCodes holds rows of codes.
type amxCodes struct {
	*device
	words  []kernel.Word
	ld     int
	scales []float32 // of the rows
}

// codesAMX rounds n rows of k elements to codes; row returns row i, perhaps in dst.
func (d *device) codesAMX(n, k int, row func(dst []float32, i int) []float32) *amxCodes {
	c := &amxCodes{device: d, ld: d.codeWords(k), scales: d.free.get(n)}
	c.words = d.free.words(n * c.ld)
	d.chunks(n, rowsPerItem(k), func(from, to int) {
		x := d.free.get(k)
		defer d.free.put(x)
		for i := from; i < to; i++ {
			c.scales[i] = d.toCodes(c.words[i*c.ld:][:c.ld], row(x, i))
		}
	})
	return c
}

func (c *amxCodes) release() {
	c.free.putWords(c.words)
	c.free.put(c.scales)
}

// rows returns the arguments of a layout of some rows and steps.
func (c *amxCodes) rows(tiles []kernel.Word, r, count, s0, steps int) *kernel.AMXRows {
	at := s0 * wordsOfStep
	return &kernel.AMXRows{
		X: c.words[r*c.ld+at:], LD: c.ld, Tiles: tiles, Count: count, Cols: min(c.ld-at, steps*wordsOfStep),
	}
}
