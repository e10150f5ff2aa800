package cpu

import "fettle/internal/compute/cpu/kernel"

// Products in tile registers, see kernel.AMX. Sums are chains of steps over the whole reduction, each of 32 bfloat16 or
// 64 bytes and with an order of its own. The last step is filled up with zeros.

const (
	amxPanel = 32 // rows of a block, and columns

	// amxFew is the number of rows that make no block: they fit one tile.
	amxFew = 16

	// amxBlocks is the number of blocks of rows that pass over a strip together.
	amxBlocks = 16

	// amxDepth is the number of steps of a strip, at most: its weights, 32 KB, stay in the first cache.
	amxDepth = 16

	// amxSums is the number of words, at most, that sums of several chunks take: wider products are cut.
	amxSums = 1 << 23

	// amxChunk is the number of steps, at most, that all strips are passed by before the next: the rows' part of them,
	// 1 MB, stays in the second cache, and sums stay in tiles meanwhile.
	amxChunk = 32
)

// amxProduct describes C (rows, cols) = or += Σ over steps of A ⊗ W in tile registers.
type amxProduct struct {
	rows, cols, steps int

	// lay lays out rows r … r+count-1 of A, at most 16, for steps s0 … s0+steps-1.
	lay func(tiles []kernel.Word, r, count, s0, steps int)

	// strip returns these steps of 32 columns of W, from column 32·j on; it may use scratch, of a strip.
	strip func(scratch *amxScratch, j, s0, steps int) []kernel.Word

	// next returns what strip will read, and how many bytes apart the parts lie that belong to a step; zero if they lie
	// one after the other. It may be nil, and so may words.
	next func(j, s0 int) (words []kernel.Word, pace int)

	multiply func(*kernel.AMXStrip)

	// out takes the sums of rows r … r+count-1 of the 32 columns from 32·j on.
	out func(tiles []kernel.Word, r, count, j int)
}

// amxScratch is one thread's memory for weights that do not lie as strips need them.
type amxScratch struct{ opened, parted []kernel.Word }

// scratchAMX takes memory from the pool, and returns the function that puts it back.
func (d *device) scratchAMX() (s *amxScratch, release func()) {
	s = &amxScratch{d.free.words(amxDepth * kernel.AMXStep), d.free.words(amxDepth * kernel.AMXStep)}
	return s, func() {
		d.free.putWords(s.opened)
		d.free.putWords(s.parted)
	}
}

// runAMX computes the product in parts of rows.
func (d *device) runAMX(g *amxProduct) {
	if g.rows == 0 || g.cols == 0 {
		return
	}
	blocks := upTo(g.rows, amxPanel)
	parts := upTo(blocks, amxBlocks)
	for i := range parts {
		lo, hi := i*blocks/parts, (i+1)*blocks/parts
		d.runRowsAMX(g, lo*amxPanel, min(g.rows, hi*amxPanel))
	}
}

// runRowsAMX computes rows lo … hi-1, chunk by chunk of the reduction.
func (d *device) runRowsAMX(g *amxProduct, lo, hi int) {
	part := amxPart{device: d, amxProduct: g, lo: lo, hi: hi, blocks: upTo(hi-lo, amxPanel)}
	chunks, panels := upTo(g.steps, amxChunk), upTo(g.cols, amxPanel)
	together := panels
	part.a = d.free.words(part.blocks * min(g.steps, amxChunk) * kernel.AMXStep)
	defer d.free.putWords(part.a)
	if chunks > 1 {
		together = min(panels, max(1, d.amxSums/(part.blocks*kernel.AMXBlock)))
		part.sums = d.free.words(together * part.blocks * kernel.AMXBlock)
		defer d.free.putWords(part.sums)
	}
	size := max(1, panels/(4*d.threads), 1+1<<23/((hi-lo)*min(g.steps, amxChunk)*amxPanel*amxPanel))
	for part.first = 0; part.first < panels; part.first += together {
		for i := range chunks {
			part.s0, part.s1 = i*g.steps/chunks, (i+1)*g.steps/chunks
			part.last = i == chunks-1
			d.chunks(2*part.blocks, max(1, elements/(amxFew*amxPanel*(part.s1-part.s0))), part.layOut)
			d.chunks(min(together, panels-part.first), size, part.pass)
		}
	}
}

// amxPart holds one chunk of a product of some rows.
type amxPart struct {
	*device
	*amxProduct
	lo, hi, blocks int // rows
	first          int // panel of those whose sums are kept together
	s0, s1         int // steps
	last           bool
	a, sums        []kernel.Word
}

// strips returns how many strips the chunk has, cut where i·steps/strips says.
func (p *amxPart) strips() int { return upTo(p.s1-p.s0, amxDepth) }

func (p *amxPart) start(i int) int { return p.s0 + i*(p.s1-p.s0)/p.strips() }

// layOut lays out half-blocks from … to-1, strip by strip.
func (p *amxPart) layOut(from, to int) {
	for h := from; h < to; h++ {
		r := p.lo + h*amxFew
		if r >= p.hi {
			return // of no row: whatever is there is multiplied, for no one
		}
		for i := range p.strips() {
			s0, s1 := p.start(i), p.start(i+1)
			at := (s0-p.s0)*p.blocks + h/2*(s1-s0)
			p.lay(p.a[at*kernel.AMXStep+h%2*kernel.AMXStep/2:], r, min(amxFew, p.hi-r), s0, s1-s0)
		}
	}
}

// pass takes the rows over panels from … to-1, counted from the first.
func (p *amxPart) pass(from, to int) {
	from, to = p.first+from, p.first+to
	scratch, release := p.scratchAMX()
	defer release()
	size := p.blocks * kernel.AMXBlock
	sums := p.sums
	if sums == nil {
		sums = p.free.words(size)
		defer p.free.putWords(sums)
	}
	s := kernel.AMXStrip{Blocks: p.blocks, Pairs: upTo(amxBlocks, p.blocks)}
	for j := from; j < to; j++ {
		s.C = sums[:size]
		if p.sums != nil {
			s.C = p.sums[(j-p.first)*size:][:size]
		}
		for i := range p.strips() {
			s0, s1 := p.start(i), p.start(i+1)
			s.Steps, s.Mode = s1-s0, 0
			if s0 > 0 {
				s.Mode = kernel.ModeContinue
			}
			s.X = p.a[(s0-p.s0)*p.blocks*kernel.AMXStep:][:p.blocks*s.Steps*kernel.AMXStep]
			s.W = p.strip(scratch, j, s0, s.Steps)
			p.ask(&s, j, s1, to)
			p.multiply(&s)
		}
		if p.last {
			p.out(s.C, p.lo, p.hi-p.lo, j)
		}
	}
}

// ask sets what a strip that ends with step s1 of panel j prefetches: the strip after it.
func (p *amxPart) ask(s *kernel.AMXStrip, j, s1, to int) {
	s.Next, s.Pace = s.W, 0
	if p.next == nil {
		return
	}
	if s1 == p.s1 {
		j, s1 = min(j+1, to-1), p.s0
	}
	next, pace := p.next(j, s1)
	if next == nil {
		return
	}
	if s.Next, s.Pace = next, pace; pace == 0 {
		s.Pace = 4 * kernel.AMXStep / p.blocks
	}
}
