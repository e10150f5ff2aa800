package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Where the processor has no products of bfloat16 or bytes, compute bf16 and int8 multiply the rounded factors as
// float32: the same sums, up to their rounding, at the speed of float32.

// round rounds a factor where compute bf16 is done in float32.
func (d *device) round(x []float32) {
	if !d.rounds {
		return
	}
	for i, v := range x {
		x[i] = compute.FromBF16(compute.ToBF16(v))
	}
}

// int8Scales returns the scales of the rows of Int8 weights where compute int8 is done in float32, else nil.
func (d *device) int8Scales(w *compute.Matrix) []float32 {
	if !d.int8 || d.core.Codes > 0 {
		return nil
	}
	switch p := w.Packed.(type) {
	case *bytePanels:
		return p.scale[:w.N]
	case *compute.Int8Weights:
		return p.Scale
	}
	return nil
}

// fakeQuantize returns x (n, k) with every row rounded to bytes of its own scale, as float32. With scale, which
// belongs to x, it rounds x·scale and divides again. The caller puts the result back to the pool.
func (d *device) fakeQuantize(x []float32, n, k int, scale []float32) []float32 {
	out := d.free.get(n * k)
	d.chunks(n, rowsPerItem(k), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := out[i*k:][:k]
			copy(row, x[i*k:])
			if scale != nil {
				d.core.Multiply(row, scale)
			}
			top := d.core.Magnitude(row)
			r := top/127 + d.core.Finite(row)
			for j, v := range row {
				row[j] = 0
				if r == 0 || scale != nil && scale[j] == 0 {
					continue
				}
				const even = 3 << 22 // adding it leaves no room for fractions
				if row[j] = ((float32(v*(127/top)) + even) - even) * r; scale != nil {
					row[j] /= scale[j]
				}
			}
		}
	})
	return out
}

// inFloat32 returns the device in compute f32.
func (d *device) inFloat32() *device {
	exact := *d
	exact.bf16, exact.rounds, exact.int8 = false, false, false
	return &exact
}

// fakeCodes returns x (n, k) with runs rounded to bytes of their own scales, as float32. The caller puts the result
// back to the pool.
func (d *device) fakeCodes(x []float32, n, k int) []float32 {
	out := d.free.get(n * k)
	d.chunks(n, rowsPerItem(k), func(lo, hi int) { kernel.RoundRuns(out[lo*k:hi*k], x[lo*k:]) })
	return out
}
