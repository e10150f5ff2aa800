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
}

// batch is some panels of one block of steps.
type batch struct{ block, j, count, s0, steps int }

// at is batch i, in the order they are worked on.
func (w *panelWork) at(i int) batch {
	batches := (w.to - w.from + turnedAtOnce - 1) / turnedAtOnce
	b := batch{block: i / batches, j: w.from + i%batches*turnedAtOnce}
	b.count = min(turnedAtOnce, w.to-b.j)
	b.s0 = w.product.block(b.block)
	b.steps = w.product.block(b.block+1) - b.s0
	return b
}

// pitch is how far apart pieces lay panels.
func (b *batch) pitch() int { return (b.steps + panel) * panel }

// pieces is how many pieces the batch has.
func (w *panelWork) pieces(b *batch) int {
	if w.piece == nil {
		return 0
	}
	return (b.steps + w.pieceSteps - 1) / w.pieceSteps
}

func (w *panelWork) run() {
	for i := range w.scratch {
		w.scratch[i] = w.free.get(turnedAtOnce * (w.depth + 2*aligned32) * panel)
		defer w.free.put(w.scratch[i])
	}
	last := w.blocks()*((w.to-w.from+turnedAtOnce-1)/turnedAtOnce) - 1
	w.ready = 0
	for i := range last + 1 {
		now := w.at(i)
		for ; w.ready < w.pieces(&now); w.ready++ {
			w.piece(w.scratch[0], now.pitch(), now.j, now.count, now.s0, now.steps, w.ready)
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
	words, pitch := w.scratch[0], now.pitch()
	w.t.ldb = panel
	if w.piece == nil {
		words, w.t.ldb, pitch = w.b(w.scratch[0], now.j, now.count, now.s0, now.steps)
	}
	w.t.ldc, w.t.steps, w.t.mode = w.ldc, now.steps, modeAdd
	if now.block == 0 && !w.add {
		w.t.mode = 0
	}
	for p := range now.count {
		j := now.j + p
		w.t.b, w.t.cols = words[p*pitch:], min(panel, w.cols-j*panel)
		for i := range w.tiles {
			r0, r1 := i*w.n/w.tiles, (i+1)*w.n/w.tiles
			w.t.rows, w.t.lda = r1-r0, r1-r0
			w.t.a = w.a[now.s0*w.n+r0*now.steps:]
			w.t.c = w.c[(w.lo+r0)*w.ldc+j*panel:]
			w.t.next = nil
			if next != nil && w.ahead != nil {
				w.t.next = w.ahead(next.j, next.count, next.s0, next.steps, p*w.tiles+i, now.count*w.tiles)
			}
			w.tile(&w.t)
			if next != nil && w.ready < w.pieces(next) {
				w.piece(w.scratch[1], next.pitch(), next.j, next.count, next.s0, next.steps, w.ready)
				w.ready++
			}
		}
	}
}
