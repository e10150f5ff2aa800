package cpu

import (
	"math"

	"fettle/internal/compute"
)

// RMSNorm: y = x·r·w with r = 1/sqrt(mean(x²)+eps).
func (d *device) RMSNorm(y, x, w []float32, n int, eps float32) {
	width := len(w)
	compute.Need(len(y), n*width)
	compute.Need(len(x), n*width)
	d.chunks(n, rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x, y := x[i*width:][:width], y[i*width:][:width]
			d.core.Norm(y, x, w, float32(d.inverseRMS(x, eps)))
		}
	})
}

// inverseRMS returns 1/sqrt(mean(x²)+eps).
func (d *device) inverseRMS(x []float32, eps float32) float64 {
	return 1 / math.Sqrt(d.core.Dot(x, x)/float64(len(x))+float64(eps))
}

// RMSNormBackward: dx += r·dy·w − x·r³·s/D with s = Σ dy·w·x.
func (d *device) RMSNormBackward(dx, dy, x, w []float32, n int, eps float32) {
	width := len(w)
	compute.Need(len(dx), n*width)
	compute.Need(len(dy), n*width)
	compute.Need(len(x), n*width)
	d.chunks(n, rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx, dy, x := dx[i*width:][:width], dy[i*width:][:width], x[i*width:][:width]
			r := d.inverseRMS(x, eps)
			s := d.core.Dot3(dy, w, x)
			d.core.NormBack(dx, dy, x, w, float32(r), float32(r*r*r*s/float64(width)))
		}
	})
}

// Rope: (a, b) → (a·cos − b·sin, b·cos + a·sin).
func (d *device) Rope(x []float32, n, heads, dh, rotary int, pos []int32, cos, sin []float32, inverse bool) {
	compute.Need(len(x), n*heads*dh)
	compute.Need(len(pos), n)
	half := rotary / 2
	sign := float32(1)
	if inverse {
		sign = -1
	}
	d.chunks(n, rowsPerItem(heads*dh), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			cos, sin := cos[int(pos[i])*half:][:half], sin[int(pos[i])*half:][:half]
			for h := range heads {
				head := x[(i*heads+h)*dh:][:rotary]
				d.core.Rotate(head[:half], head[half:], cos, sin, sign)
			}
		}
	})
}
