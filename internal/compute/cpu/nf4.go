package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// nf4Panels holds NF4 weights: word (s, c) of panel j holds elements 8s … 8s+7 of row 32j+c, in the order of
// kernel.Word, and the magnitudes of a block of 32 rows lie side by side.
type nf4Panels struct {
	n, k, blocks int // blocks of a row
	steps, pitch int
	data         []kernel.Word
	magnitude    []int8    // (⌈n/32⌉, blocks, 32)
	scale        []float32 // of groups of magnitudes, row by row, as if panels were full
	mean         []float32 // that of the magnitudes, beside them
}

// newNF4Panels takes the memory for an (n, k) matrix of a name; filled: another process has laid it out there.
func (d *device) newNF4Panels(name string, n, k int) (p *nf4Panels, filled bool) {
	p = &nf4Panels{n: n, k: k, blocks: upTo(k, compute.NF4Block), steps: (k + 7) / 8}
	p.pitch = pitch(p.steps)
	panels := upTo(n, panel)
	magnitudes := panels * p.blocks * panel
	scales := upTo(magnitudes, compute.NF4Group)
	r := roomFor(d, p, name, compute.NF4, n, k, panels*p.pitch+magnitudes/4+scales+1)
	p.data = r.cut(panels * p.pitch)
	p.magnitude = kernel.Int8s(r.cut(magnitudes / 4))
	p.scale, p.mean = kernel.Floats(r.cut(scales)), kernel.Floats(r.words)
	return p, r.filled
}

func (d *device) packNF4(name string, w *compute.NF4Weights) *nf4Panels {
	p, filled := d.newNF4Panels(name, w.N, w.K)
	if filled {
		return p
	}
	copy(p.scale, w.Scale)
	p.mean[0] = w.Mean
	d.each(upTo(w.N, panel), func(j int) {
		for o := j * panel; o < min(w.N, (j+1)*panel); o++ {
			at := p.data[j*p.pitch+o%panel:]
			for s := range p.steps {
				var word kernel.Word
				for k := 8 * s; k < min(w.K, 8*s+8); k++ {
					word |= kernel.CodeWord(w.Code(o, k), k%8)
				}
				at[s*panel] = word
			}
			for b, m := range w.Magnitude[o*p.blocks:][:p.blocks] {
				p.magnitude[(j*p.blocks+b)*panel+o%panel] = m
			}
		}
	})
	return p
}

// words returns those of panel j from element k on.
func (p *nf4Panels) words(j, k int) []kernel.Word { return p.data[j*p.pitch+k/8*panel:] }

// Row dequantizes elements k0 … k0+len(dst)-1 of row i.
func (p *nf4Panels) Row(dst []float32, i, k0 int) {
	at := p.data[i/panel*p.pitch+i%panel:]
	for c := range dst {
		k := k0 + c
		b := k / compute.NF4Block
		scale := p.scale[(i*p.blocks+b)/compute.NF4Group]
		magnitude := p.mean[0] + float32(scale*float32(p.magnitude[(i/panel*p.blocks+b)*panel+i%panel]))
		dst[c] = compute.NF4Levels[at[k/8*panel].Code(k%8)] * magnitude
	}
}

// Magnitudes as they are, and divided by the scale of codes.
const (
	asTheyAre = 1
	ofCodes   = 1 / compute.NF4Scale
)

// magnitudes writes the magnitudes of count blocks of panel j from b on, times a factor, to dst (count, 32). m is room
// for the kernel's arguments.
func (p *nf4Panels) magnitudes(
	m *kernel.NF4Magnitudes, l *kernel.Level, dst []float32, j, b, count int, times float32,
) {
	*m = kernel.NF4Magnitudes{
		Dst: dst, Src: p.magnitude[(j*p.blocks+b)*panel:], Scales: p.scale, First: j*panel*p.blocks + b, Stride: p.blocks,
		Count: count, Mean: p.mean[0], Times: times,
	}
	l.MagnitudesNF4(m)
}

// blocksOf returns the first of the blocks that elements k0 … k0+n-1 are of, and how many they are.
func blocksOf(k0, n int) (first, count int) {
	first = k0 / compute.NF4Block
	return first, upTo(k0+n, compute.NF4Block) - first
}

func (p *nf4Panels) dequantize(d *device, dst []kernel.Word, j, k0, n int) {
	first, count := blocksOf(k0, n)
	largest := d.free.get(count * panel)
	defer d.free.put(largest)
	u := d.unpackers.Get().(*unpacker)
	defer d.unpackers.Put(u)
	p.magnitudes(&u.magnitudes, &d.core, largest, j, first, count, asTheyAre)
	for end := k0 + n; k0 < end; {
		next := min(end, k0/compute.NF4Block*compute.NF4Block+compute.NF4Block)
		scale := largest[(k0/compute.NF4Block-first)*panel:]
		d.pack(d.core.DequantizeNF4, kernel.Pack{Dst: dst, Src: p.words(j, k0), Cols: (next - k0 + 7) / 8, Scale: scale})
		dst, k0 = dst[min(len(dst), (next-k0)*panel):], next
	}
}

// nf4AtOnce is how many weights of a row have their magnitudes made at a time.
const nf4AtOnce = 1024

// addFloats continues the sums of panel j by elements lo … hi-1, in float32, block by block of magnitudes.
func (p *nf4Panels) addFloats(w *rowWork, j, lo, hi int) {
	for lo < hi {
		end := min(hi, lo/compute.NF4Block*compute.NF4Block+nf4AtOnce)
		first, count := blocksOf(lo, end-lo)
		p.magnitudes(&w.magnitudes, &w.core, w.largest, j, first, count, asTheyAre)
		for lo < end {
			next := min(end, lo/compute.NF4Block*compute.NF4Block+compute.NF4Block)
			words, scale := upTo(next-lo, 8), w.largest[(lo/compute.NF4Block-first)*panel:]
			w.core.RowNF4(w.sums, w.x[lo:][:8*words], p.words(j, lo)[:words*panel], scale)
			lo = next
		}
	}
}

// unpackedNF4 is how many words a stretch of weights takes where their codes are unpacked to two digits.
const unpackedNF4 = 2 * unpackedCodes

func (p *nf4Panels) runWords(*device, int) int { return kernel.LineWords }

func (p *nf4Panels) addRow(w *rowWork, j int) {
	p.addRows(w, w.sums, w.codes(kernel.LineWords), 0, 1, j)
}

// addRows adds the products of panel j by rows of codes, pitch words apart, to sums (rows, 32).
func (p *nf4Panels) addRows(w *rowWork, sums []float32, x []kernel.Word, pitch, rows, j int) {
	for k := 0; k < p.k; k += nf4AtOnce {
		n := min(nf4AtOnce, p.k-k)
		first, count := blocksOf(k, n)
		p.magnitudes(&w.magnitudes, &w.core, w.largest, j, first, count, ofCodes)
		for i := range rows {
			w.nf4 = kernel.NF4Row{
				Dst: sums[i*panel:], X: x[i*pitch+k/kernel.Run*kernel.LineWords:], Src: p.words(j, k), Scale: w.largest,
				Runs: n / kernel.Run,
			}
			w.core.CodesNF4(&w.nf4)
		}
	}
}

func (p *nf4Panels) times(d *device, y []float32, x []kernel.Word, n int) {
	if n >= enoughForTiles {
		d.tilesTimesPanels(codeWork{
			y: y, x: x, rows: n, n: p.n, k: p.k, words: unpackedNF4, multiply: d.core.TileNF4,
			unpack: func(w *codeWork, j, k, count int) { p.unpack(w, &d.core, j, k, count) },
		})
		return
	}
	panels, pitch := upTo(p.n, panel), codePitch(p.k, kernel.LineWords)
	d.panelRuns(panels, n*p.k/4, func(from, to int) {
		sums, w := d.free.get(n*panel), d.rowWork()
		defer d.free.put(sums)
		defer d.rowWorks.Put(w)
		w.device = d
		for j := from; j < to; j++ {
			clear(sums)
			p.addRows(w, sums, x, pitch, n, j)
			for i := range n {
				copy(y[i*p.n+j*panel:][:min(panel, p.n-j*panel)], sums[i*panel:])
			}
		}
	})
}

// unpack makes bytes of elements k … k+count-1 of panel j, and gives each run the scale of its block.
func (p *nf4Panels) unpack(w *codeWork, l *kernel.Level, j, k, count int) {
	first, blocks := blocksOf(k, count)
	largest := w.room[kernel.CodeTileRows*panel:]
	p.magnitudes(&w.magnitudes, l, largest, j, first, blocks, ofCodes)
	for r := range count / kernel.Run {
		copy(w.scales[3*r*panel:][:panel], largest[r*kernel.Run/compute.NF4Block*panel:])
	}
	w.panel = kernel.CodePanel{Dst: w.unpacked, Src: p.words(j, k), Count: count / 8}
	l.UnpackNF4(&w.panel)
}

// nf4Rounded dequantizes NF4 weights as products of codes take them, where there are no kernels for those.
type nf4Rounded struct{ *nf4Panels }

// roundedLevels returns w as products of codes take it.
func (d *device) roundedLevels(w *compute.Matrix) *compute.Matrix {
	p, ok := w.Packed.(*nf4Panels)
	if of, stored := w.Packed.(*compute.NF4Weights); stored {
		p, ok = d.packNF4("", of), true
	}
	if !ok {
		return w
	}
	c := *w
	c.Packed = nf4Rounded{p}
	return &c
}

func (p nf4Rounded) dequantize(d *device, dst []kernel.Word, j, k0, n int) {
	first, count := blocksOf(k0, n)
	largest, out := d.free.get(count*panel), kernel.Floats(dst)
	defer d.free.put(largest)
	p.magnitudes(&kernel.NF4Magnitudes{}, &d.core, largest, j, first, count, ofCodes)
	for i := range n {
		k := k0 + i
		words, scale := p.words(j, k), largest[(k/compute.NF4Block-first)*panel:]
		for c := range panel {
			out[i*panel+c] = float32(compute.NF4Codes[words[c].Code(k%8)]) * scale[c]
		}
	}
}
