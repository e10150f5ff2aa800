package cpu

import "fettle/internal/compute/cpu/kernel"

// byteTile describes how tiles multiply rows of codes by panels of bytes.
type byteTile struct {
	rows, cols int                // of a tile; rows at most
	together   int                // rows of a product, at most, that pass over a panel
	unpack     func(*kernel.Pack) // turns words of four bytes into the tile's; nil: they are the tile's
	tile       func(*kernel.Tile)
}

const (
	// unpackedAtOnce is how many words of four bytes, by 32 columns, are unpacked at a time: half of these columns and
	// the rows that pass fit the first cache.
	unpackedAtOnce = 192

	// rowsTogether is how many rows at most pass over a panel: their codes, two bytes each, stay in the last cache.
	rowsTogether = 640
)

// newByteTile returns the tile for a product of so many rows.
func newByteTile(l *kernel.Level, rows int) byteTile {
	switch {
	case l.Codes == 4:
		return byteTile{rows: kernel.TileRows, cols: panel, together: max(1, rows), tile: l.TileInt8}
	case rows <= 2:
		return byteTile{rows: 2, cols: panel, together: 2, tile: l.TileBytes}
	}
	return byteTile{
		rows: kernel.PairRows, cols: kernel.PairCols, together: rowsTogether, unpack: l.UnpackPairs, tile: l.TilePairs,
	}
}

// int8Work holds one thread's part of a product.
type int8Work struct {
	*device
	*int8Product
	unpacked []kernel.Word // a block of a panel
	sums     []kernel.Word // int32: of a panel, where it is added up block by block, else of a tile
	apart    int           // words from row to row of these sums; 0: all tiles use the same
	t        kernel.Tile
	s        kernel.IntSums
}

// acquire takes memory from the pool and returns the function that puts it back.
func (w *int8Work) acquire() (release func()) {
	rows := w.tile.rows
	if w.tile.unpack != nil {
		rows, w.apart = w.rows, panel
	}
	w.unpacked, w.sums = w.free.words(2*unpackedAtOnce*panel), w.free.words(rows*panel)
	return func() {
		w.free.putWords(w.unpacked)
		w.free.putWords(w.sums)
	}
}

// panel computes the 32 columns from at on, whose bytes are words.
func (w *int8Work) panel(words []kernel.Word, at int) {
	steps, blocks := w.steps(), 1
	if w.tile.unpack != nil {
		blocks = (steps + unpackedAtOnce - 1) / unpackedAtOnce
	}
	for k := range blocks {
		s0, s1 := k*steps/blocks, (k+1)*steps/blocks
		w.t = kernel.Tile{B: words[s0*panel:], LDB: w.tile.cols, Steps: s1 - s0, LDC: panel, Cols: w.tile.cols}
		if w.tile.unpack != nil {
			w.t.Steps *= 2
			w.pack(w.tile.unpack, kernel.Pack{Dst: w.unpacked, LDD: w.t.Steps * w.tile.cols, Src: w.t.B, Cols: s1 - s0})
			w.t.B = w.unpacked
		}
		if k > 0 {
			w.t.Mode = kernel.ModeContinue
		}
		for c := 0; c < panel; c += w.tile.cols {
			w.pass(s0, c, at, k == blocks-1 && c+w.tile.cols == panel)
			w.t.B = w.t.B[w.t.Steps*w.tile.cols:]
		}
	}
}

// pass takes all tiles over columns c and on of the panel at at, from word s0 of the reduction on. The last to pass
// finish their rows.
func (w *int8Work) pass(s0, c, at int, last bool) {
	words, cols, per := w.codeWords(w.k), min(panel, w.cols-at), 4/w.core.Codes
	t, tile := &w.t, w.tile.tile
	for i, lo := 0, 0; i < w.tiles; i++ {
		hi := w.start(i + 1)
		sums := w.sums[lo*w.apart:]
		t.Rows, t.LDA = hi-lo, hi-lo
		t.A, t.C = w.a[lo*words+s0*per*(hi-lo):], sums[c:]
		if last {
			w.core.PrefetchRows(w.c[lo*w.cols+at:], w.cols, hi-lo)
		}
		if tile(t); last {
			w.s = kernel.IntSums{
				Y: w.c[lo*w.cols+at:], LDY: w.cols, Sums: kernel.Ints(sums), Offset: w.offset[at:], Scale: w.scale[at:],
				Rates: w.scales[lo:], Rows: hi - lo, Cols: cols,
			}
			w.finish(&w.s)
		}
		lo = hi
	}
}
