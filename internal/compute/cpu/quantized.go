package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// quantized is a layout of quantized weights, dequantized on demand.
type quantized interface {
	compute.Rows

	// dequantize writes elements k0 … k0+n-1 of the 32 rows of panel j as float32, dst[(k−k0)·32 + c]. k0 is a
	// multiple of 32.
	dequantize(d *device, dst []kernel.Word, j, k0, n int)
}

// bytePanels holds Int8 weights: word (s, c) of panel j holds elements 4s … 4s+3 of row 32j+c.
type bytePanels struct {
	n, k, steps, pitch int
	data               []kernel.Word
	scale              []float32 // of each row; panels full
	byRow, byColumn    []int32   // 128·Σ of a row's, a column's codes
	one                []float32 // a one for every column
}

// newBytePanels takes the memory for an (n, k) matrix of a name; filled: another process has laid it out there.
func (d *device) newBytePanels(name string, n, k int) (p *bytePanels, filled bool) {
	p = &bytePanels{n: n, k: k, steps: (k + 3) / 4}
	p.pitch = pitch(p.steps)
	panels, wide := upTo(n, panel), upTo(k, 2*panel)*2*panel
	r := roomFor(d, p, name, compute.Int8, n, k, panels*p.pitch+2*panels*panel+wide)
	p.data = r.cut(panels * p.pitch)
	p.scale, p.byRow = kernel.Floats(r.cut(panels*panel)), kernel.Ints(r.cut(panels*panel))
	p.byColumn, p.one = kernel.Ints(r.cut(wide)), make([]float32, wide)
	for k := range p.one {
		p.one[k] = 1
	}
	return p, r.filled
}

func (d *device) packBytes(name string, w *compute.Int8Weights) *bytePanels {
	p, filled := d.newBytePanels(name, w.N, w.K)
	if filled {
		return p
	}
	copy(p.scale, w.Scale)
	d.each(upTo(w.N, panel), func(j int) {
		for o := j * panel; o < min(w.N, (j+1)*panel); o++ {
			p.put(w.Q[o*w.K:][:w.K], o)
		}
	})
	d.chunks(w.K, 256, func(lo, hi int) {
		sums := p.byColumn[lo:hi]
		for o := range w.N {
			for i, q := range w.Q[o*w.K+lo : o*w.K+hi] {
				sums[i] += 128 * int32(q)
			}
		}
	})
	return p
}

// put lays out row o and sums it.
func (p *bytePanels) put(row []int8, o int) {
	at := p.data[o/panel*p.pitch+o%panel:]
	var word kernel.Word
	var sum int32
	for k, q := range row {
		word |= kernel.Word(uint8(q)) << (8 * (k % 4))
		sum += 128 * int32(q)
		if k%4 == 3 || k == len(row)-1 {
			at[k/4*panel], word = word, 0
		}
	}
	p.byRow[o] = sum
}

// Row dequantizes elements k0 … k0+len(dst)-1 of row i.
func (p *bytePanels) Row(dst []float32, i, k0 int) {
	at := p.data[i/panel*p.pitch+i%panel:]
	for c := range dst {
		k := k0 + c
		dst[c] = float32(at[k/4*panel].Byte(k%4)) * p.scale[i]
	}
}

func (p *bytePanels) dequantize(d *device, dst []kernel.Word, j, k0, n int) {
	src := p.data[j*p.pitch+k0/4*panel:]
	d.pack(d.core.DequantizeInt8, kernel.Pack{Dst: dst, Src: src, Cols: (n + 3) / 4, Scale: p.scale[j*panel:]})
}

// unpacker is what kernels that dequantize are called with. As they are functions' values it goes to the heap: it is
// kept for the next call.
type unpacker struct {
	blocks     kernel.Blocks
	magnitudes kernel.NF4Magnitudes
	scales     [kernel.BlockScales]float32
}

// dequantizeRows gives panel j of the quantized weights w as the B of y = x·Wᵀ.
func (d *device) dequantizeRows(dst []kernel.Word, w quantized, j, s0, steps, k int) {
	if !d.bf16 {
		w.dequantize(d, dst, j, s0, steps)
		d.round(kernel.Floats(dst[:steps*panel]))
		return
	}
	const piece = 128
	rows := d.free.words((piece + 8) * panel)
	defer d.free.putWords(rows)
	for s := 0; s < steps; s += piece / 2 {
		k0 := 2 * (s0 + s)
		n := min(piece, k-k0, 2*(steps-s))
		w.dequantize(d, rows, j, k0, n)
		d.pack(d.core.PairBF16, kernel.Pack{Dst: dst[s*panel:], Src: rows, LDS: panel, Rows: n})
	}
}

// dequantizeColumns gives panel j of columns of w (n, k) as the B of dx = dy·W.
func (d *device) dequantizeColumns(dst []kernel.Word, at layout, w quantized, j, s0, steps, n, k int) {
	rows, transposed := d.free.words(40*panel), d.free.words(32*panel)
	defer d.free.putWords(rows)
	defer d.free.putWords(transposed)
	per := 1
	if d.bf16 {
		per = 2
	}
	k0 := j * panel
	cols := min(panel, k-k0)
	for o := s0 * per; o < min(n, (s0+steps)*per); o += panel {
		w.dequantize(d, rows, o/panel, k0, cols)
		d.round(kernel.Floats(rows[:cols*panel]))
		to := dst[(o/per-s0)*at.ld:]
		if d.bf16 {
			to = transposed
		}
		for c := 0; c < cols; c += kernel.SmallCols {
			d.pack(d.core.PackF32, kernel.Pack{
				Dst: to[c/kernel.SmallCols*at.half:], LDD: at.ld, Src: rows[c*panel:], LDS: panel,
				Rows: min(kernel.SmallCols, cols-c), Cols: panel,
			})
		}
		if d.bf16 {
			d.pack(d.core.PairBF16, kernel.Pack{Dst: dst[(o/per-s0)*panel:], Src: transposed, LDS: panel, Rows: panel})
		}
	}
}
