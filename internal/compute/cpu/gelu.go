package cpu

import (
	"math"

	"fettle/internal/compute"
)

// gelu(x) = x·σ(2u) with u = √(2/π)·(x + 0.044715·x³), so that with z = 2u
//
//	gelu(x) = silu(z)·x/z,  x/z = 1/(2·√(2/π)·(1 + 0.044715·x²))
//
// which never divides by zero: the kernels of SiLU do the exponentials.
const (
	geluCube  = 0.044715
	geluSlope = 2 * 0.7978845608028654 // 2·√(2/π)
)

// geluAtOnce is the number of elements whose z is computed at a time.
const geluAtOnce = 1024

// pieces calls f(lo, hi) for runs of at most geluAtOnce of n elements, with scratch of as many.
func (d *device) pieces(n int, f func(lo, hi int, scratch []float32)) {
	d.chunks(n, elements, func(lo, hi int) {
		scratch := d.free.get(2 * geluAtOnce)
		defer d.free.put(scratch)
		for ; lo < hi; lo += geluAtOnce {
			f(lo, min(hi, lo+geluAtOnce), scratch)
		}
	})
}

// GeGLU: y = gelu(gate)·up.
func (d *device) GeGLU(y, gate, up []float32) {
	compute.Need(len(gate), len(y))
	compute.Need(len(up), len(y))
	d.pieces(len(y), func(lo, hi int, scratch []float32) {
		y, gate, up := y[lo:hi], gate[lo:hi], up[lo:hi]
		z, ratio := scratch[:len(y)], scratch[geluAtOnce:][:len(y)]
		for i, x := range gate {
			s := geluSlope * (1 + geluCube*x*x)
			z[i], ratio[i] = x*s, 1/s
		}
		d.core.SwiGLU(y, z, up)
		for i, r := range ratio {
			y[i] *= r
		}
	})
}

// GeGLUBackward: with σ = σ(z), dgate = dy·up·(σ + gate·σ·(1−σ)·z′) and dup = dy·gate·σ.
func (d *device) GeGLUBackward(dgate, dup, dy, gate, up []float32) {
	n := len(dgate)
	compute.Need(len(dup), n)
	compute.Need(len(dy), n)
	compute.Need(len(gate), n)
	compute.Need(len(up), n)
	d.chunks(n, elements, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x := float64(gate[i])
			s := 1 / (1 + math.Exp(-geluSlope*x*(1+geluCube*x*x)))
			slope := s + x*s*(1-s)*geluSlope*(1+3*geluCube*x*x)
			dgate[i] = float32(float64(dy[i]) * float64(up[i]) * slope)
			dup[i] = float32(float64(dy[i]) * x * s)
		}
	})
}

// SoftCap: x = limit·tanh(x/limit).
func (d *device) SoftCap(x []float32, limit float32) {
	d.chunks(len(x), elements, func(lo, hi int) { softCap(x[lo:hi], limit) })
}

func softCap(x []float32, limit float32) {
	for i, v := range x {
		x[i] = float32(float64(limit) * math.Tanh(float64(v)/float64(limit)))
	}
}

// SoftCapBackward: dy *= 1 − (y/limit)².
func (d *device) SoftCapBackward(dy, y []float32, limit float32) {
	compute.Need(len(y), len(dy))
	d.chunks(len(dy), elements, func(lo, hi int) { softCapBackward(dy[lo:hi], y[lo:hi], limit) })
}

func softCapBackward(dy, y []float32, limit float32) {
	for i := range dy {
		t := y[i] / limit
		dy[i] *= 1 - t*t
	}
}

// capSlopes writes what the gradients of SoftCap's results y are multiplied by.
func capSlopes(slopes, y []float32, limit float32) {
	for i, v := range y {
		t := v / limit
		slopes[i] = 1 - t*t
	}
}

// AddRow: y[i] += x.
func (d *device) AddRow(y, x []float32) {
	width := len(x)
	d.chunks(len(y)/max(1, width), rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d.core.Add(y[i*width:][:width], x)
		}
	})
}
