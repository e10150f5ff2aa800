package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Attention in tile registers: where products of frozen weights are in bfloat16 there, those of attention are too.
// Queries times the scale, keys, values, exponentials and the gradients of scores are rounded to it; sums, softmax and
// its gradient stay in float32. A sum over keys is a chain of steps of 32 keys, counted from the first of the segment.

// tiledRows is how many rows of a key head a block has: they pass over a panel of keys together.
const tiledRows = 128

// tiled reports whether products are computed in tile registers.
func (d *device) tiled() bool { return d.bf16 && d.core.AMX != nil }

// pairPanels holds rows of keys or of values as pairs of bfloat16: of every 32 of them, for every key head, a panel of
// whole steps.
type pairPanels struct {
	*heads
	words []kernel.Word
	size  int // words of a panel of one head
}

func newPairPanels(h *heads) pairPanels {
	return pairPanels{heads: h, size: h.wide / panel * kernel.AMXStep}
}

// next returns the distance from panel to panel.
func (p *pairPanels) next() int { return p.KVHeads * p.size }

// at returns panel j of a head, and what follows.
func (p *pairPanels) at(head, j int) []kernel.Word { return p.words[j*p.next()+head*p.size:] }

// putAcross writes rows at … at+n-1, x (n, G·Dh), as pairs along the head:
//
//	panel[i·32+c] = (x[32j+c, 2i], x[32j+c, 2i+1])
//
// Lines past the head's width must be finite.
func (p *pairPanels) putAcross(d *device, x []float32, at, n int) {
	d.each(p.KVHeads, func(head int) {
		var m kernel.Pack
		for lo := at; lo < at+n; lo += m.Rows {
			m = kernel.Pack{
				Dst: p.at(head, lo/panel)[lo%panel:], LDD: panel,
				Src: kernel.Words(x[(lo-at)*p.kw+head*p.HeadDim:]), LDS: p.kw,
				Rows: min(16-lo%16, at+n-lo), Cols: p.HeadDim,
			}
			d.core.PackBF16(&m)
		}
	})
}

// putAlong writes rows at … at+n-1, x (n, G·Dh), as pairs of rows, 32 columns after the other:
//
//	panel[512c + i·32+j] = (x[32s+2i, 32c+j], x[32s+2i+1, 32c+j])
func (p *pairPanels) putAlong(d *device, x []float32, at, n int) {
	d.each(p.KVHeads, func(head int) {
		var m kernel.Pack
		for i := 0; i < n; i += m.Rows {
			r, row := at+i, x[i*p.kw+head*p.HeadDim:]
			dst := p.at(head, r/panel)
			if m.Rows = min(panel-r%panel, n-i) &^ 1; r%2 > 0 || m.Rows == 0 || p.wide != p.HeadDim {
				m.Rows = 1
				putRow(dst, row[:p.HeadDim], r%panel)
				continue
			}
			for c := 0; c < p.HeadDim; c += panel {
				m.Dst, m.Src, m.LDS = dst[c/panel*kernel.AMXStep+r%panel/2*panel:], kernel.Words(row[c:]), p.kw
				d.core.PairBF16(&m)
			}
		}
	})
}

// putRow writes row r of a panel of putAlong.
func putRow(dst []kernel.Word, row []float32, r int) {
	for c, v := range row {
		setHalf(&dst[c/panel*kernel.AMXStep+r/2*panel+c%panel], r%2, v)
	}
}

// setHalf rounds v to the lower or the upper half of a word.
func setHalf(w *kernel.Word, half int, v float32) {
	*w = *w&^(0xffff<<(16*half)) | kernel.Word(compute.ToBF16(v))<<(16*half)
}

// scores: rows by panels of putAcross.
func (p *pairPanels) scores(t *attentionWork, dst, x []float32) {
	from, end := t.panels()
	t.tiles32(t.packed, x, t.wide, t.n, t.HeadDim)
	t.rect = kernel.AMXRect{
		C: kernel.Words(dst[from:]), X: t.packed, W: p.at(t.head, from/panel), LD: t.span,
		Steps: t.wide / panel, Blocks: upTo(t.n, panel), Panels: (end - from) / panel,
		Apart: 4 * kernel.AMXStep, Pitch: 4 * p.next(),
	}
	t.core.AMX.RectBF16(&t.rect)
}

// multiply: rows by panels of putAlong.
func (p *pairPanels) multiply(t *attentionWork, x []float32) {
	first, seen := t.from(0), t.seen(t.n-1)
	t.rect = kernel.AMXRect{
		C: kernel.Words(t.result), X: t.packed, LD: t.wide, Blocks: upTo(t.n, panel), Panels: t.wide / panel,
		Apart: 4 * p.next(), Pitch: 4 * kernel.AMXStep,
	}
	for s := first / panel; s*panel < seen; s += t.rect.Steps {
		t.rect.Steps, t.rect.W = min(amxDepth, upTo(seen, panel)-s), p.at(t.head, s)
		if t.alone {
			t.rect.Steps, t.rect.W = 1, p.masked(t, s, first, seen)
		}
		t.tiles32(t.packed, x[s*panel:], t.span, t.n, min(seen-s*panel, t.rect.Steps*panel))
		t.core.AMX.RectBF16(&t.rect)
		t.rect.Mode = kernel.ModeContinue
	}
}

// masked returns step s of the block's head, with zero for keys that are not among first … seen-1.
func (p *pairPanels) masked(t *attentionWork, s, first, seen int) []kernel.Word {
	w := append(t.mask[:0], p.at(t.head, s)[:p.size]...)
	for r := range panel {
		if key := s*panel + r; key < first || key >= seen {
			for i := r / 2 * panel; i < len(w); i += kernel.AMXStep {
				for c := range panel {
					setHalf(&w[i+c], r%2, 0)
				}
			}
		}
	}
	t.mask = w
	return w
}

// tiles32 lays out n rows of cols columns, ld apart, as left factors of 32 rows and all steps.
func (t *attentionWork) tiles32(dst []kernel.Word, x []float32, ld, n, cols int) {
	for r := 0; r < n; r += amxFew {
		t.rows = kernel.AMXRows{
			X: kernel.Words(x[r*ld:]), LD: ld, Tiles: dst[r/panel*upTo(cols, panel)*kernel.AMXStep+r%panel*amxFew:],
			Count: min(amxFew, n-r), Cols: cols,
		}
		t.core.AMX.RowsBF16(&t.rows)
	}
}

// addTurned adds xᵀ·weights, weights (n, span) and x (n, wide), to sums (wide, span).
func (b *back) addTurned(sums, weights, x []float32) {
	from, end := b.panels()
	steps := upTo(b.n, panel)
	turned, ld := kernel.Floats(b.transposed), steps*panel
	for r := 0; r < b.n; r += 16 {
		b.pk = kernel.Pack{
			Dst: kernel.Words(turned[r:]), LDD: ld, Src: kernel.Words(x[r*b.wide:]), LDS: b.wide,
			Rows: min(16, b.n-r), Cols: b.HeadDim,
		}
		b.core.PackF32(&b.pk)
	}
	b.tiles32(b.packed, turned, ld, b.HeadDim, b.n)
	for j := from; j < end; j += panel {
		w := b.pairs[(j-from)/panel*steps*kernel.AMXStep:][:steps*kernel.AMXStep]
		clear(w[upTo(b.n, 2)*panel:])
		b.pk = kernel.Pack{Dst: w, Src: kernel.Words(weights[j:]), LDS: b.span, Rows: b.n}
		b.core.PairBF16(&b.pk)
	}
	b.rect = kernel.AMXRect{
		C: kernel.Words(sums[from:]), X: b.packed, W: b.pairs, LD: b.span, Steps: steps, Blocks: b.wide / panel,
		Panels: (end - from) / panel, Apart: 4 * kernel.AMXStep, Pitch: 4 * steps * kernel.AMXStep, Mode: kernel.ModeContinue,
	}
	b.core.AMX.RectBF16(&b.rect)
}

// addRows adds sums (wide, span) to the rows of dk; prefix stands for those of the prefix.
func (b *back) addRows(dk, prefix, sums []float32) {
	rows := b.free.get(b.span * b.wide)
	defer b.free.put(rows)
	for r := 0; r < b.HeadDim; r += 16 {
		b.pk = kernel.Pack{
			Dst: kernel.Words(rows[r:]), LDD: b.wide, Src: kernel.Words(sums[r*b.span:]), LDS: b.span,
			Rows: min(16, b.HeadDim-r), Cols: visible(b.s, b.s.Len-1),
		}
		b.core.PackF32(&b.pk)
	}
	for i, run := range runs(b.s) {
		dst := dk[run.row*b.kw:]
		if i == 0 {
			dst = prefix
		}
		for j := range run.n {
			b.core.Add(dst[j*b.kw+b.head*b.HeadDim:][:b.HeadDim], rows[(run.from+j)*b.wide:][:b.HeadDim])
		}
	}
}
