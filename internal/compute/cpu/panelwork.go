package cpu

import "fettle/internal/compute/cpu/kernel"

// panelWork holds one thread's part of a block of a product: panels from … to-1 of C for the rows lo … lo+n-1, in as
// many tiles, whose packed A is a, and steps s0 and on. It goes through the panels some at a time.
type panelWork struct {
	*device
	*product
	lo, n, tiles int
	a            []kernel.Word
	s0, steps    int
	store        bool // over what was in C
	from, to     int

	t       kernel.Tile
	scratch [2][]kernel.Word // for the panels at hand and those that come next
	ready   int              // pieces of the next that are laid out
	coming  ahead            // what tiles ask memory for
	strips  []kernel.Word    // of the panels at hand
}

// batch names some panels.
type batch struct{ j, count int }

// at returns the batch that begins with panel j.
func (w *panelWork) at(j int) batch { return batch{j, min(panelsPerBatch, w.to-j)} }

// layout describes the places of pieces in scratch: column c of step s of panel i at [i·pitch + c/16·half + s·ld +
// c%16].
type layout struct{ pitch, half, ld int }

// layout returns that of the pieces of b: panels, or strips of them.
func (w *panelWork) layout() layout {
	at := layout{pitch: (w.steps + panel) * panel, half: kernel.SmallCols, ld: panel}
	if w.product.strips {
		at.half, at.ld = at.pitch/2, kernel.SmallCols
	}
	return at
}

// pieces returns how many pieces a batch has.
func (w *panelWork) pieces() int {
	if w.piece == nil {
		return 0
	}
	return upTo(w.steps, w.pieceSteps)
}

func (w *panelWork) run() {
	size := panelsPerBatch * (w.depth + 2*aligned32) * panel
	for i := range w.scratch {
		w.scratch[i] = w.free.words(size)
		defer w.free.putWords(w.scratch[i])
	}
	if w.product.strips {
		w.strips = w.free.words(size)
		defer w.free.putWords(w.strips)
	}
	for j := w.from; j < w.to; j += panelsPerBatch {
		now, next := w.at(j), w.at(j+panelsPerBatch)
		for ; w.ready < w.pieces(); w.ready++ {
			w.piece(w.scratch[0], w.layout(), now.j, now.count, w.s0, w.steps, w.ready)
		}
		w.ready = 0
		if next.count <= 0 {
			w.multiply(&now, nil)
		} else {
			w.multiply(&now, &next)
		}
		w.scratch[0], w.scratch[1] = w.scratch[1], w.scratch[0]
	}
}

// multiply passes all tiles over the panels of now and lays out next meanwhile.
func (w *panelWork) multiply(now, next *batch) {
	words, at := w.scratch[0], w.layout()
	if w.piece == nil {
		at.half = kernel.SmallCols
		words, at.ld, at.pitch = w.b(w.scratch[0], now.j, now.count, w.s0, w.steps)
	}
	w.t = kernel.Tile{LDC: w.ldc, LDB: at.ld, Steps: w.steps, Mode: kernel.ModeAdd}
	if w.store {
		w.t.Mode = 0
	}
	w.askFor(next, now.count)
	if !w.product.strips {
		w.passTiles(now, next, words, at.pitch)
		return
	}
	w.passStrips(now, next, words, at)
}

// passTiles passes one tile after the other over the panels of now, whose words are b: a tile's rows stay in the first
// cache, which a panel does not fit.
func (w *panelWork) passTiles(now, next *batch, b []kernel.Word, pitch int) {
	for i := range w.tiles {
		r0, r1 := i*w.n/w.tiles, (i+1)*w.n/w.tiles
		w.t.Rows, w.t.LDA = r1-r0, r1-r0
		w.t.A = w.a[r0*w.steps:]
		for p := range now.count {
			j := (now.j + p) * panel
			w.t.B, w.t.Cols = b[p*pitch:], min(panel, w.cols-j)
			w.t.C = kernel.Words(w.c[(w.lo+r0)*w.ldc+j:])
			w.t.Next = w.coming.next()
			w.tile(&w.t)
			w.layOutNext(next)
		}
	}
}

// askFor lets the tiles that pass over count panels ask for the words of next: for a stretch each where it is laid out
// in pieces.
func (w *panelWork) askFor(next *batch, count int) {
	w.coming = ahead{}
	if next == nil || w.ahead == nil {
		return
	}
	w.coming = w.ahead(next.j, next.count, w.s0, w.steps)
	switch {
	case w.piece != nil:
	case w.product.strips:
		w.coming.spread(2 * count * w.groups())
	default:
		w.coming.spread(count * w.tiles)
	}
}

// layOutNext lays out the next piece, if there is one.
func (w *panelWork) layOutNext(next *batch) {
	if next != nil && w.ready < w.pieces() {
		w.piece(w.scratch[1], w.layout(), next.j, next.count, w.s0, w.steps, w.ready)
		w.ready++
	}
}
