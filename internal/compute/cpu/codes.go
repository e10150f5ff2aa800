package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// In compute int8, products x·Wᵀ with weights in GGUF's blocks, and in NF4 whose rows are whole runs, round each run of
// 32 of x to bytes of its own scale and multiply codes, as kernel.BlockRows and kernel.NF4Row have it. Every row is
// computed alone, so that decoding has the bits of reading a prompt. dx = dy·W takes the weights' values.

// coded is a layout of weights that are multiplied by codes.
type coded interface {
	// runWords returns how many words a run of x takes in products of so many rows.
	runWords(d *device, rows int) int

	// times computes y = x·Wᵀ for n rows of codes.
	times(d *device, y []float32, x []kernel.Word, n int)

	// addRow adds the products of panel j and the row of w to the sums of w.
	addRow(w *rowWork, j int)
}

// rowsOfCodes is how many rows pass over a panel together: their codes of a block stay in the first cache.
const rowsOfCodes = 16

// roundsRuns reports whether d rounds runs of x in products x·Wᵀ.
func (d *device) roundsRuns(w *compute.Matrix) bool {
	_, blocks := w.Type.Block()
	return d.int8 && (blocks || w.Type == compute.NF4 && w.K%kernel.Run == 0)
}

// inCodes returns the layout of w if d multiplies it by codes, else nil.
func (d *device) inCodes(w *compute.Matrix) coded {
	if !d.roundsRuns(w) {
		return nil
	}
	switch p := w.Packed.(type) {
	case *blockPanels:
		if p.kernels.Codes != nil {
			return p
		}
	case *nf4Panels:
		if d.core.CodesNF4 != nil {
			return p
		}
	case *compute.NF4Weights:
		if d.core.CodesNF4 != nil {
			return d.packNF4("", p)
		}
	}
	return nil
}

// codePitch returns how many words apart rows of k elements lie in codes of so many words a run: a run more than they
// take, so that the rows of a tile do not contend for places in the cache.
func codePitch(k, words int) int { return (k/kernel.Run + 1) * words }

// codesOf rounds x (n, k) to codes of so many words a run. The caller puts them back to the pool.
func (d *device) codesOf(x []float32, n, k, words int) []kernel.Word {
	round, pitch := d.core.CodeRuns, codePitch(k, words)
	if words != d.core.RunWords {
		round = d.core.CodeLines
	}
	codes := d.free.words(n * pitch)
	d.chunks(n, rowsPerItem(k), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			round(x[i*k:][:k], codes[i*pitch:])
		}
	})
	return codes
}

// matMulCodes computes products of weights that are all multiplied by codes, at most rowsAtOnce rows at a time.
func (d *device) matMulCodes(x []float32, n int, products ...compute.Product) {
	k := products[0].W.K
	for i := 0; i < n; i += rowsAtOnce {
		rows := min(rowsAtOnce, n-i)
		var codes []kernel.Word
		words := 0
		for _, p := range products {
			w := d.inCodes(p.W)
			if want := w.runWords(d, rows); want != words {
				if words > 0 {
					d.free.putWords(codes)
				}
				codes, words = d.codesOf(x[i*k:], rows, k, want), want
			}
			w.times(d, p.Y[i*p.W.N:], codes, rows)
		}
		d.free.putWords(codes)
	}
}

func (p *blockPanels) runWords(d *device, rows int) int {
	if p.kernels.Tile != nil && rows >= enoughForTiles {
		return kernel.LineWords
	}
	return d.core.RunWords
}

func (p *blockPanels) times(d *device, y []float32, x []kernel.Word, n int) {
	if p.kernels.Tile == nil || n < enoughForTiles {
		d.rowsTimesPanels(y, x, p, n)
		return
	}
	d.tilesTimesPanels(codeWork{y: y, x: x, rows: n, n: p.n, k: p.k, words: unpackedCodes, unpack: p.unpack,
		multiply: p.kernels.Tile})
}

func (p *blockPanels) addRow(w *rowWork, j int) {
	w.codeBlock = p.ofRows(w.sums, w.codes(w.core.RunWords), w.room, j, 1)
	p.kernels.Codes(&w.codeBlock)
}

// Tiles of codes take a stretch of a panel's weights as bytes, which stay in the first cache while all rows pass.
const (
	enoughForTiles = 5   // rows that pay for unpacking
	codesAtOnce    = 512 // weights of a row, whole blocks
	unpackedCodes  = codesAtOnce * panel / 4
)

// codeWork holds a product in tiles of codes, or one thread's part of it.
type codeWork struct {
	y        []float32
	x        []kernel.Word
	rows     int
	n, k     int // of the weights
	unpack   func(w *codeWork, j, k, count int)
	multiply func(*kernel.CodeTile)

	words    int // of a stretch of weights, unpacked
	pitch    int
	unpacked []kernel.Word
	scales   []float32
	room     []float32

	panel      kernel.CodePanel
	tile       kernel.CodeTile
	magnitudes kernel.NF4Magnitudes
}

// codeRoom is how many floats of room a codeWork has: for a tile, and for magnitudes of NF4.
const codeRoom = (kernel.CodeTileRows + codesAtOnce/compute.NF4Block) * panel

// codeScales is how many floats of scales it has, at most: of weights with two parts in a run.
const codeScales = codesAtOnce / kernel.Run * 2 * 3 * panel

// tilesTimesPanels computes all rows of a product in tiles.
func (d *device) tilesTimesPanels(all codeWork) {
	panels := upTo(all.n, panel)
	d.panelRuns(panels, all.rows*all.k/4, func(from, to int) {
		w := all
		w.pitch = codePitch(w.k, kernel.LineWords)
		w.unpacked, w.scales, w.room = d.free.words(w.words), d.free.get(codeScales), d.free.get(codeRoom)
		defer d.free.putWords(w.unpacked)
		defer d.free.put(w.scales)
		defer d.free.put(w.room)
		for k := 0; k < w.k; k += codesAtOnce {
			for j := from; j < to; j++ {
				w.pass(j, k, min(codesAtOnce, w.k-k))
			}
		}
	})
}

// pass adds the products of all rows by elements k … k+count-1 of panel j.
func (w *codeWork) pass(j, k, count int) {
	w.unpack(w, j, k, count)
	w.tile = kernel.CodeTile{
		LDC: w.n, LDX: w.pitch, B: w.unpacked, Scales: w.scales, Cols: min(panel, w.n-j*panel), Runs: count / kernel.Run,
		Room: w.room,
	}
	if k > 0 {
		w.tile.Mode = kernel.ModeContinue
	}
	tiles := upTo(w.rows, kernel.CodeTileRows)
	for t, lo := 0, 0; t < tiles; t++ {
		hi := (t + 1) * w.rows / tiles
		w.tile.Rows, w.tile.X, w.tile.Dst = hi-lo, w.x[lo*w.pitch+k/kernel.Run*kernel.LineWords:], w.y[lo*w.n+j*panel:]
		w.multiply(&w.tile)
		lo = hi
	}
}

// unpack makes bytes of elements k … k+count-1 of panel j.
func (p *blockPanels) unpack(w *codeWork, j, k, count int) {
	w.panel = kernel.CodePanel{
		Dst: w.unpacked, Scales: w.scales, Src: p.at(j, k, count, nil).Src, Count: count / p.of.Elements,
	}
	p.kernels.Unpack(&w.panel)
}

// rowsTimesPanels computes the products of n rows of codes, a few at a time.
func (d *device) rowsTimesPanels(y []float32, x []kernel.Word, p *blockPanels, n int) {
	panels, pitch := upTo(p.n, panel), codePitch(p.k, d.core.RunWords)
	d.panelRuns(panels, n*p.k/4, func(from, to int) {
		sums, room := d.free.get(rowsOfCodes*panel), d.free.get(kernel.BlockScales)
		defer d.free.put(sums)
		defer d.free.put(room)
		var b kernel.BlockRows
		for j := from; j < to; j++ {
			cols := min(panel, p.n-j*panel)
			for i := 0; i < n; i += rowsOfCodes {
				rows := min(rowsOfCodes, n-i)
				clear(sums[:rows*panel])
				b = p.ofRows(sums, x[i*pitch:], room, j, rows)
				b.LDX = pitch
				p.kernels.Codes(&b)
				for r := range rows {
					copy(y[(i+r)*p.n+j*panel:][:cols], sums[r*panel:])
				}
			}
		}
	})
}

// ofRows returns the arguments, but for LDX, of the kernel that adds the products of panel j by rows of codes to sums
// (rows, 32).
func (p *blockPanels) ofRows(sums []float32, x []kernel.Word, room []float32, j, rows int) kernel.BlockRows {
	return kernel.BlockRows{
		Dst: sums, X: x, Src: p.data[j*p.pitch:], Scales: room, Rows: rows, Count: p.k / p.of.Elements,
	}
}
