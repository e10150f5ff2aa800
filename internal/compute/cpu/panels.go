package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

const panel = kernel.Panel

// panels holds the weights of an (n, k) matrix, laid out for the kernels: panel j holds rows 32j … 32j+31, element p
// of row o at word (p, o−32j) of a (steps, 32) array. A word is a float32, or a pair of halves p and p+1. The one
// layout serves both products: y = x·Wᵀ reads it as it stands, and dx = dy·W transposes blocks of it while they are in
// the cache.
type panels struct {
	n, k  int
	kind  compute.DType // F32: words of one element; BF16, F16: of two
	steps int           // words along a row
	pitch int           // words from panel to panel, at least steps·32
	data  []kernel.Word // (⌈n/32⌉, pitch)

	shared bool // data is other processes' too
}

// pitch returns an odd number of chunks of 512 words for long panels. transposePanels reads a chunk of each panel, and
// so they do not fall on each other in a cache.
func pitch(steps int) int {
	const chunk = 16 * panel
	words := steps * panel
	if words < 16*chunk {
		return words
	}
	return (words+chunk-1)/chunk/2*2*chunk + chunk
}

// per returns how many elements of a row a word holds.
func (w *panels) per() int { return 4 / w.kind.Size() }

// panel returns the words of panel j from row s on.
func (w *panels) panel(j, s int) []kernel.Word { return w.data[j*w.pitch+s*panel:] }

// Row widens elements k0 … k0+len(dst)-1 of row i.
func (w *panels) Row(dst []float32, i, k0 int) {
	at := w.panel(i/panel, 0)[i%panel:]
	if w.kind == compute.F32 {
		floats := kernel.Floats(at)
		for c := range dst {
			dst[c] = floats[(k0+c)*panel]
		}
		return
	}
	for c := range dst {
		k := k0 + c
		low, high := at[k/2*panel].Halves()
		if k%2 == 1 {
			low = high
		}
		if dst[c] = compute.FromF16(low); w.kind == compute.BF16 {
			dst[c] = compute.FromBF16(low)
		}
	}
}

// keepFloat32UpTo is the size of a matrix, in weights, that is kept as float32 whatever it is stored as: it takes
// little memory so, and widening it in every product of a few rows is much of their work.
const keepFloat32UpTo = 1 << 18

// kind returns the type that d keeps the weights of w as. In compute bf16 they are rounded to bfloat16, else kept
// exactly.
func (d *device) kind(w *compute.Matrix) compute.DType {
	switch {
	case d.bf16 || d.rounds && w.K%2 == 0 && kernel.LittleEndian():
		return compute.BF16
	case d.rounds:
		return compute.F32
	case w.N*w.K <= d.widenUpTo:
		return compute.F32
	case w.Type == compute.F16 && (w.K%2 == 1 || !kernel.LittleEndian()):
		return compute.F32 // halves that do not pair up
	}
	return w.Type
}

// Prepare lays w out in panels and drops Raw. Quantized weights stay so. Weights that have changed, and whose Raw was
// set again, take the panels they had, unless those are shared.
func (d *device) Prepare(w *compute.Matrix) error {
	if w.N == 0 || w.K == 0 {
		return nil
	}
	switch p := w.Packed.(type) {
	case *compute.Int8Weights:
		w.Packed = d.packBytes(w.Name, p)
	case *compute.NF4Weights:
		w.Packed = d.packNF4(w.Name, p)
	}
	if w.Raw == nil {
		return nil
	}
	if _, ok := w.Type.Block(); ok {
		keep(w, d.packBlocks(w))
		return nil
	}
	count := (w.N + panel - 1) / panel
	p, ok := w.Packed.(*panels)
	filled := false
	if !ok || p.shared || p.n != w.N || p.k != w.K || p.kind != d.kind(w) {
		p = &panels{n: w.N, k: w.K, kind: d.kind(w)}
		p.steps = (w.K + p.per() - 1) / p.per()
		p.pitch = pitch(p.steps)
		r := roomFor(d, p, w.Name, p.kind, w.N, w.K, count*p.pitch)
		p.data, p.shared, filled = r.words, r.shared, r.filled
	}
	if !filled {
		d.each(count, func(j int) { d.layOut(p.panel(j, 0), w, p.kind, j, 0, p.steps) })
	}
	keep(w, p)
	return nil
}

// keep makes packed the only form of w.
func keep(w *compute.Matrix, packed any) {
	w.Packed, w.Raw, w.Order = packed, nil, nil
	if w.Release != nil {
		w.Release()
	}
}

// layOut writes words s0 … s0+steps-1 of panel j of w, which is as stored.
func (d *device) layOut(dst []kernel.Word, w *compute.Matrix, kind compute.DType, j, s0, steps int) {
	lo, hi := j*panel, min(w.N, (j+1)*panel)
	for i := lo; i < hi; i += 16 {
		p := kernel.Pack{Dst: dst[i-lo:], LDD: panel, Rows: min(16, hi-i)}
		if w.Type == kind && w.K*w.Type.Size()%4 == 0 && kernel.LittleEndian() {
			p.LDS, p.Cols = w.K*w.Type.Size()/4, steps
			d.transposeRaw(p, w, i, s0)
			continue
		}
		per := 4 / kind.Size()
		k0 := s0 * per
		p.Cols = min(w.K-k0, steps*per)
		p.LDS = p.Cols
		rows := d.free.get(p.Rows * p.Cols)
		for r := range p.Rows {
			w.Row(rows[r*p.Cols:][:p.Cols], i+r, k0)
		}
		p.Src = kernel.Words(rows)
		if kind == compute.F32 {
			d.pack(d.core.PackF32, p)
		} else {
			d.pack(d.core.PackBF16, p)
		}
		d.free.put(rows)
	}
	if kind == compute.F32 {
		d.round(kernel.Floats(dst[:steps*panel]))
	}
}

// transposeRaw transposes words s0 and on of the rows of p from row i of w on, whatever the words hold.
func (d *device) transposeRaw(p kernel.Pack, w *compute.Matrix, i, s0 int) {
	if w.Order == nil {
		p.Src = kernel.BytesAsWords(w.Raw)[i*p.LDS+s0:]
		d.pack(d.core.PackF32, p)
		return
	}
	rows := d.free.words(p.Rows * p.Cols)
	defer d.free.putWords(rows)
	for r := range p.Rows {
		copy(rows[r*p.Cols:][:p.Cols], kernel.BytesAsWords(w.RowBytes(i + r))[s0:])
	}
	p.Src, p.LDS = rows, p.Cols
	d.pack(d.core.PackF32, p)
}
