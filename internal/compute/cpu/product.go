package cpu

import "fettle/internal/compute/cpu/kernel"

// product describes C (rows, cols) = or += Σ over steps of A ⊗ B. A step is one element of the reduction, or a word of
// two of them.
type product struct {
	rows, cols, steps int
	depth             int // of a block of steps, between two visits of C
	tile              func(*kernel.Tile)
	strips            bool // small tiles pass over strips of panels, see strips.go

	// a writes dst[s·rows + r] = A[i+r, s0+s] for s < steps.
	a func(dst []kernel.Word, i, rows, s0, steps int)

	// b returns count panels from j on: B[s0+s, 32·(j+i)+c] at [i·pitch + s·ld + c] for i < count, s < steps, c < 32.
	// It may use scratch, of count·(steps+31)·32 words. s0 is a multiple of 32.
	b func(scratch []kernel.Word, j, count, s0, steps int) (words []kernel.Word, ld, pitch int)

	// ahead returns the words that b or piece will read for count panels, so that memory works while the tiles do. It
	// may be nil.
	ahead func(j, count, s0, steps int) ahead

	// piece replaces b where it is not nil: it lays out steps i·pieceSteps and on, so that the panels that come next
	// are laid out between tiles, each piece when a tile has asked for a stretch.
	piece      func(scratch []kernel.Word, at layout, j, count, s0, steps, i int)
	pieceSteps int

	c   []float32
	ldc int
	add bool
}

const (
	rowsAtOnce     = 544 // of A, at most, that pass over a panel
	panelsAtOnce   = 32  // panels that A's block, once in the cache, passes over
	panelsPerBatch = 2   // panels of one call of b
	aligned32      = 32  // blocks of steps begin at multiples of it
)

// Each block of steps is a sum of its own, added in order to C. Where blocks begin depends on the number of steps
// alone.

// blocks returns into how many blocks steps are cut, at least one.
func (g *product) blocks() int { return max(1, (g.steps+g.depth-1)/g.depth) }

// block returns the first step of block i.
func (g *product) block(i int) int {
	return min(g.steps, i*((g.steps+aligned32-1)/aligned32)/g.blocks()*aligned32)
}

// longest returns how many steps the longest block has.
func (g *product) longest() (steps int) {
	for i := range g.blocks() {
		steps = max(steps, g.block(i+1)-g.block(i))
	}
	return steps
}

// run computes products that have their A in common, in parallel over panels of C.
func (d *device) run(all ...*product) {
	g := all[0]
	parts := (g.rows + rowsAtOnce - 1) / rowsAtOnce
	for i := range parts {
		d.runRows(all, i*g.rows/parts, (i+1)*g.rows/parts)
	}
}

// panels returns how many panels C has.
func (g *product) panels() int { return upTo(g.cols, panel) }

// runRows computes rows lo … hi-1 block by block, so that a block of A is in the cache from when it is packed: in tiles
// whose rows differ by one at most, or in small tiles.
func (d *device) runRows(all []*product, lo, hi int) {
	g, n := all[0], hi-lo
	tiles := (n + d.core.Rows - 1) / d.core.Rows
	start := func(t int) int { return t * n / tiles }
	if g.strips {
		tiles = (n + kernel.SmallRows - 1) / kernel.SmallRows
		start = func(t int) int { return min(n, t*kernel.SmallRows) }
	}
	panels := 0
	for _, g := range all {
		panels += g.panels()
	}
	a := d.free.words(n*g.longest() + panel)
	defer d.free.putWords(a)
	for k := range g.blocks() {
		s0, steps := g.block(k), g.block(k+1)-g.block(k)
		d.chunks(tiles, max(1, elements/(kernel.TileRows*steps+1)), func(from, to int) {
			for t := from; t < to; t++ {
				i := start(t)
				g.a(a[i*steps:], lo+i, start(t+1)-i, s0, steps)
			}
		})
		d.floatPanelRuns(panels, n*steps, func(from, to int) {
			inEach(all, (*product).panels, from, to, func(g *product, from, to int) {
				w := panelWork{
					device: d, product: g, lo: lo, n: n, tiles: tiles,
					a: a, s0: s0, steps: steps, store: k == 0 && !g.add, from: from, to: to,
				}
				w.run()
			})
		})
	}
}

// panelRuns calls f(from, to) for even runs of panels that words of A pass over. Every run reads all of A: where that
// comes from memory, there are as few as threads.
func (d *device) panelRuns(panels, words int, f func(from, to int)) {
	items := d.panelItems(panels, words)
	d.each(items, func(i int) { f(share(panels, items, i)) })
}

// floatPanelRuns is panelRuns for products of float32 or bfloat16: as a block of A stays in the cache, runs get shorter
// towards the end, so that no thread waits for another. Products of bytes are over too soon to read A more often.
func (d *device) floatPanelRuns(panels, words int, f func(from, to int)) {
	if d.threads == 1 {
		f(0, panels)
		return
	}
	least := panelsWorth(words)
	cut := stretches{panels, d.threads, least, max(least, panelsAtOnce)}
	d.each(cut.count(), func(i int) { f(cut.at(i)) })
}

// panelsWorth returns how many panels are worth a handover to another thread.
func panelsWorth(words int) int { return 1 + 1<<18/(words*panel+1) }

// panelItems returns into how many even runs panels are cut.
func (d *device) panelItems(panels, words int) int {
	const beyondCaches = 1 << 21
	items := 4 * d.threads
	if words > beyondCaches {
		items = d.threads
	}
	items = max(1, min(max(items, upTo(panels, panelsAtOnce)), panels/panelsWorth(words)))
	if items > d.threads {
		items = upTo(items, d.threads) * d.threads
	}
	return min(items, panels)
}
