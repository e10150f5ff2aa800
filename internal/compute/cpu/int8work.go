package cpu

// byteTile is how tiles multiply rows of codes by panels of bytes.
type byteTile struct {
	rows, cols int         // of a tile; rows at most
	together   int         // rows of a product, at most, that pass over a panel
	unpack     func(*pack) // makes what the tile multiplies of words of four bytes; nil: these themselves
	tile       func(*tile)
}

// The shape of a tile of pairs.
const (
	pairRows = 6 // at most
	pairCols = 16

	// unpackedAtOnce is how many words of four bytes, by 32 columns, are unpacked at a
	// time: half of these columns and the rows that pass fit the first cache.
	unpackedAtOnce = 192

	// rowsTogether is how many rows at most pass over a panel: their codes, two
	// bytes each, stay in the last cache.
	rowsTogether = 640
)

// byteTile is the tile for a product of so many rows.
func (l *level) byteTile(rows int) byteTile {
	switch {
	case l.codes == 4:
		return byteTile{rows: tileRows, cols: panel, together: max(1, rows), tile: l.tileInt8}
	case rows <= 2:
		return byteTile{rows: 2, cols: panel, together: 2, tile: l.tileBytes}
	}
	return byteTile{rows: pairRows, cols: pairCols, together: rowsTogether, unpack: l.unpackPairs, tile: l.tilePairs}
}

// int8Work is one thread's part of a product.
type int8Work struct {
	*device
	*int8Product
	unpacked []float32 // a block of a panel
	sums     []float32 // of a panel, where it is added up block by block, else of a tile
	apart    int       // words from row to row of these sums; 0: all tiles take turns
	t        tile
}

// take takes memory from the pool and returns what gives it back.
func (w *int8Work) take() (giveBack func()) {
	rows := w.tile.rows
	if w.tile.unpack != nil {
		rows, w.apart = w.rows, panel
	}
	w.unpacked, w.sums = w.free.get(2*unpackedAtOnce*panel), w.free.get(rows*panel)
	return func() {
		w.free.put(w.unpacked)
		w.free.put(w.sums)
	}
}

// panel computes the 32 columns from at on, of which words are the bytes.
func (w *int8Work) panel(words []float32, at int) {
	steps, blocks := w.steps(), 1
	if w.tile.unpack != nil {
		blocks = (steps + unpackedAtOnce - 1) / unpackedAtOnce
	}
	for k := range blocks {
		s0, s1 := k*steps/blocks, (k+1)*steps/blocks
		w.t = tile{b: words[s0*panel:], ldb: w.tile.cols, steps: s1 - s0, ldc: panel, cols: w.tile.cols}
		if w.tile.unpack != nil {
			w.t.steps *= 2
			w.tile.unpack(&pack{dst: w.unpacked, ldd: w.t.steps * w.tile.cols, src: w.t.b, cols: s1 - s0})
			w.t.b = w.unpacked
		}
		if k > 0 {
			w.t.mode = modeContinue
		}
		for c := 0; c < panel; c += w.tile.cols {
			w.pass(s0, c, at, k == blocks-1 && c+w.tile.cols == panel)
			w.t.b = w.t.b[w.t.steps*w.tile.cols:]
		}
	}
}

// pass takes all tiles over columns c and on of the panel at at, from word s0
// of the reduction on. The last to pass finish its rows.
func (w *int8Work) pass(s0, c, at int, last bool) {
	words, cols, per := w.codeWords(w.k), min(panel, w.cols-at), 4/w.codes
	t, tile := &w.t, w.tile.tile
	for i, lo := 0, 0; i < w.tiles; i++ {
		hi := w.start(i + 1)
		sums := w.sums[lo*w.apart:]
		t.rows, t.lda = hi-lo, hi-lo
		t.a, t.c = w.a[lo*words+s0*per*(hi-lo):], sums[c:]
		if last {
			w.prefetchRows(w.c[lo*w.cols+at:], w.cols, hi-lo)
		}
		tile(t)
		for r := lo; r < hi && last; r++ {
			w.finish(w.c[r*w.cols+at:][:cols], sums[(r-lo)*panel:], w.offset[at:], w.scale[at:], w.scales[r])
		}
		lo = hi
	}
}
