package cpu

// panelWork is one thread's part of a product: panels from … to-1 of C for the
// rows lo … lo+n-1, in as many tiles, whose packed A is a. It goes through the
// blocks of steps, and in each through the panels, some at a time.
type panelWork struct {
	*device
	*product
	lo, n, tiles int
	a            []float32
	from, to     int

	t       tile
	scratch [2][]float32 // for the panels at hand and those that come next
	ready   int          // pieces of the next that are laid out
	strip   []float32    // both strips of the panel at hand
}

// batch is some panels of one block of steps.
type batch struct{ block, j, count, s0, steps int }

// at is batch i, in the order they are worked on.
func (w *panelWork) at(i int) batch {
	batches := (w.to - w.from + panelsPerBatch - 1) / panelsPerBatch
	b := batch{block: i / batches, j: w.from + i%batches*panelsPerBatch}
	b.count = min(panelsPerBatch, w.to-b.j)
	b.s0 = w.product.block(b.block)
	b.steps = w.product.block(b.block+1) - b.s0
	return b
}

// layout is how pieces lie in scratch: column c of step s of panel i at
// [i·pitch + c/16·half + s·ld + c%16].
type layout struct{ pitch, half, ld int }

// layout is that of the pieces of b: panels, or strips of them.
func (w *panelWork) layout(b *batch) layout {
	at := layout{pitch: (b.steps + panel) * panel, half: smallCols, ld: panel}
	if w.product.strips {
		at.half, at.ld = at.pitch/2, smallCols
	}
	return at
}

// pieces is how many pieces the batch has.
func (w *panelWork) pieces(b *batch) int {
	if w.piece == nil {
		return 0
	}
	return (b.steps + w.pieceSteps - 1) / w.pieceSteps
}

func (w *panelWork) run() {
	for i := range w.scratch {
		w.scratch[i] = w.free.get(panelsPerBatch * (w.depth + 2*aligned32) * panel)
		defer w.free.put(w.scratch[i])
	}
	if w.product.strips {
		w.strip = w.free.get((w.depth + 2*aligned32) * panel)
		defer w.free.put(w.strip)
	}
	last := w.blocks()*((w.to-w.from+panelsPerBatch-1)/panelsPerBatch) - 1
	w.ready = 0
	for i := range last + 1 {
		now := w.at(i)
		for ; w.ready < w.pieces(&now); w.ready++ {
			w.piece(w.scratch[0], w.layout(&now), now.j, now.count, now.s0, now.steps, w.ready)
		}
		w.ready = 0
		if i < last {
			next := w.at(i + 1)
			w.multiply(&now, &next)
		} else {
			w.multiply(&now, nil)
		}
		w.scratch[0], w.scratch[1] = w.scratch[1], w.scratch[0]
	}
}

// multiply passes all tiles over the panels of now, laying out next meanwhile.
func (w *panelWork) multiply(now, next *batch) {
	words, at := w.scratch[0], w.layout(now)
	if w.piece == nil {
		at.half = smallCols
		words, at.ld, at.pitch = w.b(w.scratch[0], now.j, now.count, now.s0, now.steps)
	}
	w.t = tile{ldc: w.ldc, ldb: at.ld, steps: now.steps, mode: modeAdd}
	if now.block == 0 && !w.add {
		w.t.mode = 0
	}
	for p := range now.count {
		if w.product.strips {
			w.passStrips(now, next, p, words[p*at.pitch:], at)
		} else {
			w.passPanel(now, next, p, words[p*at.pitch:])
		}
	}
}

// passPanel passes all tiles over panel p of now, which is b.
func (w *panelWork) passPanel(now, next *batch, p int, b []float32) {
	j := (now.j + p) * panel
	w.t.b, w.t.cols = b, min(panel, w.cols-j)
	for i := range w.tiles {
		r0, r1 := i*w.n/w.tiles, (i+1)*w.n/w.tiles
		w.t.rows, w.t.lda = r1-r0, r1-r0
		w.t.a = w.a[now.s0*w.n+r0*now.steps:]
		w.t.c = w.c[(w.lo+r0)*w.ldc+j:]
		w.t.next = w.prefetchPart(next, p*w.tiles+i, now.count*w.tiles)
		w.tile(&w.t)
		w.layOutNext(next)
	}
}

// prefetchPart is what tiles should fetch in one of some parts of the work on a batch.
func (w *panelWork) prefetchPart(next *batch, part, parts int) []float32 {
	if next == nil || w.prefetch == nil {
		return nil
	}
	return w.prefetch(next.j, next.count, next.s0, next.steps, part, parts)
}

// layOutNext lays out the next piece, if there is one.
func (w *panelWork) layOutNext(next *batch) {
	if next != nil && w.ready < w.pieces(next) {
		w.piece(w.scratch[1], w.layout(next), next.j, next.count, next.s0, next.steps, w.ready)
		w.ready++
	}
}
