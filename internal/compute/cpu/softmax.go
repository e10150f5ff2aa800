package cpu

import "fettle/internal/compute"

// Softmax: p = exp(x−largest)/Σ.
func (d *device) Softmax(x []float32, width int) {
	d.chunks(len(x)/max(1, width), rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := x[i*width:][:width]
			d.core.Scale(row, float32(1/d.core.ExpSum(row, d.core.Top(row))))
		}
	})
}

// SoftmaxBackward: dx += p·(dy − Σ p·dy).
func (d *device) SoftmaxBackward(dx, dy, p []float32, width int) {
	compute.Need(len(dy), len(dx))
	compute.Need(len(p), len(dx))
	d.chunks(len(dx)/max(1, width), rowsPerItem(width), func(lo, hi int) {
		scratch := d.free.get(width)
		defer d.free.put(scratch)
		for i := lo; i < hi; i++ {
			dy, p := dy[i*width:][:width], p[i*width:][:width]
			copy(scratch, dy)
			d.core.SoftmaxBack(scratch, p, float32(d.core.Dot(p, dy)), 1)
			d.core.Add(dx[i*width:][:width], scratch)
		}
	})
}
