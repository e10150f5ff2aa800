package cpu

import (
	"math"

	"fettle/internal/compute"
)

// elements per work item of elementwise operations.
const elements = 16384

func exp32(x float32) float32 { return float32(math.Exp(float64(x))) }

// SwiGLU: y = gate·σ(gate)·up.
func (d *device) SwiGLU(y, gate, up []float32) {
	compute.Need(len(gate), len(y))
	compute.Need(len(up), len(y))
	d.chunks(len(y), elements, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y[i] = gate[i] / (1 + exp32(-gate[i])) * up[i]
		}
	})
}

// SwiGLUBackward: dgate += dy·up·σ·(1 + gate·(1−σ)), dup += dy·gate·σ.
func (d *device) SwiGLUBackward(dgate, dup, dy, gate, up []float32) {
	n := len(dgate)
	compute.Need(len(dup), n)
	compute.Need(len(dy), n)
	compute.Need(len(gate), n)
	compute.Need(len(up), n)
	d.chunks(n, elements, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g, v := gate[i], dy[i]
			s := 1 / (1 + exp32(-g))
			dgate[i] += float32(v * up[i] * s * (1 + float32(g*(1-s))))
			dup[i] += float32(v * g * s)
		}
	})
}

// Add: y += x.
func (d *device) Add(y, x []float32) {
	compute.Need(len(x), len(y))
	d.chunks(len(y), elements, func(lo, hi int) {
		y, x := y[lo:hi], x[lo:hi]
		for i, v := range x {
			y[i] += v
		}
	})
}
