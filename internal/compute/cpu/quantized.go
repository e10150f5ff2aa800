package cpu

import (
	"math"

	"fettle/internal/compute"
)

// quantized is a layout of weights that are not floats: it opens them as it is
// asked to.
type quantized interface {
	compute.Rows

	// open writes elements k0 … k0+n-1 of the 32 rows of panel j as float32,
	// dst[(k−k0)·32 + c]. k0 is a multiple of 32.
	dequantize(d *device, dst []float32, j, k0, n int)
}

// bytePanels are Int8 weights: word (s, c) of panel j holds elements 4s … 4s+3
// of row 32j+c.
type bytePanels struct {
	n, k, steps, pitch int
	data               []float32
	scale              []float32 // of each row; panels full
	byRow, byColumn    []float32 // 128·Σ of a row's, a column's codes, as int32
	one                []float32 // a one for every column
}

func (d *device) packBytes(w *compute.Int8Weights) *bytePanels {
	p := &bytePanels{n: w.N, k: w.K, steps: (w.K + 3) / 4}
	p.pitch = pitch(p.steps)
	panels, wide := (w.N+panel-1)/panel, (w.K+2*panel-1)/(2*panel)*2*panel
	p.data = allocate(p, panels*p.pitch)
	p.scale, p.byRow = make([]float32, panels*panel), make([]float32, panels*panel)
	p.byColumn, p.one = make([]float32, wide), make([]float32, wide)
	copy(p.scale, w.Scale)
	d.each(panels, func(j int) {
		for o := j * panel; o < min(w.N, (j+1)*panel); o++ {
			p.put(w.Q[o*w.K:][:w.K], o)
		}
	})
	for k := range p.one {
		p.one[k] = 1
	}
	d.chunks(w.K, 256, func(lo, hi int) {
		var sums [256]int32
		for o := range w.N {
			for i, q := range w.Q[o*w.K+lo : o*w.K+hi] {
				sums[i] += 128 * int32(q)
			}
		}
		for i := range hi - lo {
			p.byColumn[lo+i] = math.Float32frombits(uint32(sums[i]))
		}
	})
	return p
}

// put lays out row o and sums it.
func (p *bytePanels) put(row []int8, o int) {
	at := p.data[o/panel*p.pitch+o%panel:]
	var word uint32
	var sum int32
	for k, q := range row {
		word |= uint32(uint8(q)) << (8 * (k % 4))
		sum += 128 * int32(q)
		if k%4 == 3 || k == len(row)-1 {
			at[k/4*panel], word = math.Float32frombits(word), 0
		}
	}
	p.byRow[o] = math.Float32frombits(uint32(sum))
}

// Row tells the weights back.
func (p *bytePanels) Row(dst []float32, i, k0 int) {
	at := p.data[i/panel*p.pitch+i%panel:]
	for c := range dst {
		k := k0 + c
		dst[c] = float32(int8(math.Float32bits(at[k/4*panel])>>(8*(k%4)))) * p.scale[i]
	}
}

func (p *bytePanels) dequantize(d *device, dst []float32, j, k0, n int) {
	d.dequantizeInt8(&pack{dst: dst, src: p.data[j*p.pitch+k0/4*panel:], cols: (n + 3) / 4, scale: p.scale[j*panel:]})
}

// nf4Panels are NF4 weights: word (s, c) of panel j holds elements 8s … 8s+7 of
// row 32j+c, four bits each, the lowest first.
type nf4Panels struct {
	of           *compute.NF4Weights // Codes dropped
	steps, pitch int
	data         []float32
}

func (d *device) packNF4(w *compute.NF4Weights) *nf4Panels {
	of := *w
	of.Codes = nil
	p := &nf4Panels{of: &of, steps: (w.K + 7) / 8}
	p.pitch = pitch(p.steps)
	p.data = allocate(p, (w.N+panel-1)/panel*p.pitch)
	d.each((w.N+panel-1)/panel, func(j int) {
		for o := j * panel; o < min(w.N, (j+1)*panel); o++ {
			at := p.data[j*p.pitch+o%panel:]
			for s := range p.steps {
				var word uint32
				for k := 8 * s; k < min(w.K, 8*s+8); k++ {
					word |= uint32(w.Code(o, k)) << (4 * (k % 8))
				}
				at[s*panel] = math.Float32frombits(word)
			}
		}
	})
	return p
}

// Row tells the weights back.
func (p *nf4Panels) Row(dst []float32, i, k0 int) {
	at := p.data[i/panel*p.pitch+i%panel:]
	for c := range dst {
		k := k0 + c
		code := math.Float32bits(at[k/8*panel]) >> (4 * (k % 8)) & 15
		dst[c] = compute.NF4Levels[code] * p.of.Largest(i*p.of.Blocks()+k/compute.NF4Block)
	}
}

func (p *nf4Panels) dequantize(d *device, dst []float32, j, k0, n int) {
	largest := d.free.get(panel)
	defer d.free.put(largest)
	for end := k0 + n; k0 < end; {
		next := min(end, k0/compute.NF4Block*compute.NF4Block+compute.NF4Block)
		p.largest(largest, j, k0/compute.NF4Block)
		d.dequantizeNF4(&pack{dst: dst, src: p.data[j*p.pitch+k0/8*panel:], cols: (next - k0 + 7) / 8, scale: largest})
		dst, k0 = dst[min(len(dst), (next-k0)*panel):], next
	}
}

// largest writes the magnitudes of block b of the rows of panel j.
func (p *nf4Panels) largest(dst []float32, j, b int) {
	blocks := p.of.Blocks()
	b += j * panel * blocks
	for c := range min(panel, p.of.N-j*panel) {
		dst[c] = p.of.Largest(b + c*blocks)
	}
}

// dequantizeRows gives panel j of the quantized weights w as the B of y = x·Wᵀ.
func (d *device) dequantizeRows(dst []float32, w quantized, j, s0, steps, k int) {
	if !d.bf16 {
		w.dequantize(d, dst, j, s0, steps)
		d.round(dst[:steps*panel])
		return
	}
	const piece = 128
	rows := d.free.get((piece + 8) * panel)
	defer d.free.put(rows)
	for s := 0; s < steps; s += piece / 2 {
		k0 := 2 * (s0 + s)
		n := min(piece, k-k0, 2*(steps-s))
		w.dequantize(d, rows, j, k0, n)
		d.pairBF16(&pack{dst: dst[s*panel:], src: rows, lds: panel, rows: n})
	}
}

// dequantizeColumns gives panel j of columns of w (n, k) as the B of dx = dy·W.
func (d *device) dequantizeColumns(dst []float32, at layout, w quantized, j, s0, steps, n, k int) {
	rows, transposed := d.free.get(40*panel), d.free.get(32*panel)
	defer d.free.put(rows)
	defer d.free.put(transposed)
	per := 1
	if d.bf16 {
		per = 2
	}
	k0 := j * panel
	cols := min(panel, k-k0)
	for o := s0 * per; o < min(n, (s0+steps)*per); o += panel {
		w.dequantize(d, rows, o/panel, k0, cols)
		d.round(rows[:cols*panel])
		to := dst[(o/per-s0)*at.ld:]
		if d.bf16 {
			to = transposed
		}
		for c := 0; c < cols; c += smallCols {
			d.packF32(&pack{dst: to[c/smallCols*at.half:], ldd: at.ld, src: rows[c*panel:], lds: panel, rows: min(smallCols, cols-c), cols: panel})
		}
		if d.bf16 {
			d.pairBF16(&pack{dst: dst[(o/per-s0)*panel:], src: transposed, lds: panel, rows: panel})
		}
	}
}
