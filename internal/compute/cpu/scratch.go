package cpu

import (
	"slices"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// ledger adds up what a pool comes to hold: in every class of capacities as many buffers as are in use at one time,
// each used as far as the largest.
type ledger [classes]struct{ count, used int }

// buffers names count buffers of so many words, of which used are written.
type buffers struct{ count, words, used int }

// call enters buffers that are in use at one time.
func (l *ledger) call(all ...buffers) {
	var now ledger
	for _, b := range all {
		if b.words > 0 {
			c := &now[class(b.words)]
			c.count, c.used = c.count+b.count, max(c.used, b.used)
		}
	}
	for i, c := range now {
		l[i].count, l[i].used = max(l[i].count, c.count), max(l[i].used, c.used)
	}
}

// bytes returns what is resident of the buffers.
func (l *ledger) bytes() (sum int64) {
	for i, c := range l {
		sum += int64(c.count) * kernel.Resident(1<<i, c.used)
	}
	return sum
}

// of names buffers that are used whole.
func of(count, words int) buffers { return buffers{count, words, words} }

// Scratch enters the calls of a workload in a ledger.
func (d *device) Scratch(w compute.Workload) int64 {
	l := &ledger{}
	widest := func(but int) (most int) {
		for i, in := range w.Inputs {
			if i != but {
				most = max(most, in.Width)
			}
		}
		return most
	}
	for i, in := range w.Inputs {
		cols := widest(i)
		if i == 0 {
			cols *= 2 // of gate and up
		}
		d.enterProducts(l, in, w.Type, cols)
	}
	if w.Logits.Rows > 0 {
		d.enterLogits(l, w)
	}
	if w.Longest > 0 {
		d.enterTrainable(l, w)
		for past := w.Past; ; past /= 2 { // a cache that grows leaves the shorter layouts to the pool
			d.enterAttention(l, w, past)
			if past == 0 {
				break
			}
		}
	}
	return l.bytes()
}

// enterProducts enters products of rows with frozen weights of a type, whose results have so many columns at most.
func (d *device) enterProducts(l *ledger, in compute.Size, t compute.DType, cols int) {
	if in.Rows == 0 || in.Width == 0 {
		return
	}
	_, blocks := t.Block()
	nf4 := t == compute.NF4 && in.Width%kernel.Run == 0
	switch {
	case !d.int8:
	case (blocks && d.core.Blocks[t].Tile != nil || nf4 && d.core.TileNF4 != nil) && in.Rows >= enoughForTiles:
		unpacked := unpackedCodes
		if nf4 {
			unpacked = unpackedNF4
		}
		l.call(of(1, min(in.Rows, rowsAtOnce)*codePitch(in.Width, kernel.LineWords)), of(d.threads, unpacked),
			of(d.threads, codeScales), of(d.threads, codeRoom))
	case nf4 && d.core.CodesNF4 != nil:
		l.call(of(1, in.Rows*codePitch(in.Width, kernel.LineWords)), of(d.threads, in.Rows*panel))
	case blocks && d.core.Blocks[t].Codes != nil:
		l.call(of(1, min(in.Rows, rowsAtOnce)*codePitch(in.Width, d.core.RunWords)), of(d.threads, rowsOfCodes*panel))
	case blocks, nf4:
		l.call(of(1, in.Rows*in.Width)) // rounded
		d.enterTiles(l, in, false)
	case t == compute.Int8 && d.core.Codes == 0:
		l.call(of(1, in.Rows*in.Width)) // rounded
	case t == compute.Int8:
		d.enterBytes(l, in, cols)
		return
	}
	if d.tiled() && in.Rows > amxFew {
		l.call(d.amxBuffers(in.Rows, upTo(in.Width, panel), cols)...)
		return
	}
	d.enterTiles(l, in, d.bf16)
}

// enterBytes enters products of codes by bytes.
func (d *device) enterBytes(l *ledger, in compute.Size, cols int) {
	if d.core.AMX != nil && in.Rows > amxFew {
		l.call(append(d.amxBuffers(in.Rows, upTo(in.Width, 4*wordsOfStep), cols),
			of(1, in.Rows*d.codeWords(in.Width)), of(1, in.Rows), of(d.threads, in.Width))...)
		return
	}
	rows := min(in.Rows, newByteTile(&d.core, in.Rows).together)
	l.call(of(1, rows*d.codeWords(in.Width)), of(d.threads, panelsPerBatch*(in.Width/4+2*panel)*panel),
		of(d.threads, 2*unpackedAtOnce*panel), of(d.threads, rows*panel))
}

// amxBuffers lists those of products in tile registers.
func (d *device) amxBuffers(rows, steps, cols int) []buffers {
	blocks := upTo(rows, amxPanel)
	blocks = upTo(blocks, upTo(blocks, amxBlocks))
	all := []buffers{of(1, blocks*min(steps, amxChunk)*kernel.AMXStep), of(2*d.threads, amxDepth*kernel.AMXStep)}
	if steps <= amxChunk {
		return append(all, of(d.threads, blocks*kernel.AMXBlock))
	}
	together := min(upTo(cols, panel), max(1, d.amxSums/(blocks*kernel.AMXBlock)))
	return append(all, of(1, together*blocks*kernel.AMXBlock))
}

// enterTiles enters products of float32, or of pairs.
func (d *device) enterTiles(l *ledger, in compute.Size, pairs bool) {
	steps, depth, strips := in.Width, depthF32, d.inStrips(in.Rows)
	if pairs {
		steps, depth, strips = (in.Width+1)/2, depthBF16, false
	}
	rows := upTo(in.Rows, upTo(in.Rows, rowsAtOnce))
	g, perThread := product{steps: steps, depth: depth}, 2
	if strips {
		perThread = 3
	}
	l.call(of(1, rows*g.longest()+panel), of(perThread*d.threads, panelsPerBatch*(depth+2*aligned32)*panel))
}

// enterTrainable enters products of trainable arrays: of rows as wide as the model, and of their transposes, by
// segments.
func (d *device) enterTrainable(l *ledger, w compute.Workload) {
	if len(w.Inputs) > 0 {
		d.enterTiles(l, w.Inputs[0], false)
		d.enterTiles(l, compute.Size{Rows: rowsAtOnce, Width: w.Longest}, false)
	}
}

// enterLogits enters a chunk of logits and the products that make it of rows as wide as the first input, and that make
// gradients of rows of it, block by block.
func (d *device) enterLogits(l *ledger, w compute.Workload) {
	n, vocab := w.Logits.Rows, w.Logits.Width
	rows := upTo(n, lossChunks(n, vocab))
	l.call(buffers{1, lossRows(vocab) * vocab, rows * vocab}, of(1, rows*upTo(vocab, vocabBlock)))
	block, width, kind := min(vocab, vocabBlock), 0, w.Type
	if len(w.Inputs) > 0 {
		width = w.Inputs[0].Width
	}
	if kind == compute.Int8 { // heads are not quantized
		kind = compute.F32
	}
	d.enterProducts(l, compute.Size{Rows: rows, Width: width}, kind, block)
	d.enterProducts(l, compute.Size{Rows: rows, Width: block}, compute.F32, width) // codes are of rows of x alone
}

// enterAttention enters the layouts of a segment's queries, keys and values, their gradients, and the scores of blocks.
func (d *device) enterAttention(l *ledger, w compute.Workload, past int) {
	h := newHeads(w.Attention)
	s := compute.Segment{Len: w.Longest, Past: past}
	rows, seen := s.Len*h.group, visible(s, s.Len-1)
	span, block, packed := scoresSpan(s), min(d.blockRows(), rows), kernel.TileRows*keysAtOnce
	gathered, transposed := of(1, h.KVHeads*seen*h.wide), of(1, h.KVHeads*upTo(seen, panel)*h.HeadDim*panel)
	if d.tiled() {
		block = upTo(block, panel) * panel
		packed = block * max(h.wide, amxDepth*panel) / 2
		p := newPairPanels(&h)
		gathered = of(1, upTo(seen, panel)*p.next())
		transposed = gathered
	}
	queries := of(1, h.KVHeads*rows*h.wide)
	work := []buffers{of(d.threads, block*span), of(2*d.threads, block*h.wide), of(d.threads, packed), queries}
	if past > 0 { // the cache has keys and values as they are read
		if s.Len == 1 && !d.tiled() && d.partsHeads(&h, seen) {
			work = append(work, of(1, h.KVHeads*rows*span))
		}
		l.call(work...)
		return
	}
	l.call(append(slices.Clip(work), transposed, gathered)...)
	blocks := d.threads // of scores and gradients
	if d.partsBack(&h) {
		blocks = h.KVHeads
		work = append(work, of(blocks, block*span), of(2*blocks, block*h.wide), of(blocks, packed)) // beside those of threads
	}
	work = append(work, transposed, transposed, gathered, queries, of(1, h.KVHeads*rows), of(blocks, block*span))
	if h.Cap > 0 {
		work = append(work, of(blocks, block*span))
	}
	if d.tiled() {
		work = append(work, of(2*d.threads, h.wide*span), of(d.threads, block*span/2))
	}
	l.call(work...)
}
