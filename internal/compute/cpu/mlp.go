package cpu

import "fettle/internal/compute"

// SwiGLU: y = gate·σ(gate)·up.
func (d *device) SwiGLU(y, gate, up []float32) {
	compute.Need(len(gate), len(y))
	compute.Need(len(up), len(y))
	d.chunks(len(y), elements, func(lo, hi int) { d.core.SwiGLU(y[lo:hi], gate[lo:hi], up[lo:hi]) })
}

// SwiGLUBackward: dgate = dy·up·σ·(1 + gate·(1−σ)), dup = dy·gate·σ.
func (d *device) SwiGLUBackward(dgate, dup, dy, gate, up []float32) {
	n := len(dgate)
	compute.Need(len(dup), n)
	compute.Need(len(dy), n)
	compute.Need(len(gate), n)
	compute.Need(len(up), n)
	d.chunks(n, elements, func(lo, hi int) {
		d.core.SwiGLUBack(dgate[lo:hi], dup[lo:hi], dy[lo:hi], gate[lo:hi], up[lo:hi])
	})
}

// Sum: y = a + b.
func (d *device) Sum(y, a, b []float32) {
	compute.Need(len(a), len(y))
	compute.Need(len(b), len(y))
	d.chunks(len(y), elements, func(lo, hi int) { d.core.Sum(y[lo:hi], a[lo:hi], b[lo:hi]) })
}

// Add: y += x.
func (d *device) Add(y, x []float32) {
	compute.Need(len(x), len(y))
	d.chunks(len(y), elements, func(lo, hi int) { d.core.Add(y[lo:hi], x[lo:hi]) })
}
