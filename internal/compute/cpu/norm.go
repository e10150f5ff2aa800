package cpu

import (
	"math"

	"fettle/internal/compute"
)

// dot64 is Σ a·b with four float64 sums.
func dot64(a, b []float32) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(float64(a[i]) * float64(b[i]))
		s1 += float64(float64(a[i+1]) * float64(b[i+1]))
		s2 += float64(float64(a[i+2]) * float64(b[i+2]))
		s3 += float64(float64(a[i+3]) * float64(b[i+3]))
	}
	for ; i < len(a); i++ {
		s0 += float64(float64(a[i]) * float64(b[i]))
	}
	return (s0 + s2) + (s1 + s3)
}

// inverseRMS is 1/sqrt(mean(x²)+eps).
func inverseRMS(x []float32, eps float32) float64 {
	return 1 / math.Sqrt(dot64(x, x)/float64(len(x))+float64(eps))
}

// RMSNorm: y = x·r·w with r = 1/sqrt(mean(x²)+eps).
func (d *device) RMSNorm(y, x, w []float32, n int, eps float32) {
	width := len(w)
	compute.Need(len(y), n*width)
	compute.Need(len(x), n*width)
	d.chunks(n, rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x, y := x[i*width:][:width], y[i*width:][:width]
			r := float32(inverseRMS(x, eps))
			for j, v := range x {
				y[j] = v * r * w[j]
			}
		}
	})
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
			r := inverseRMS(x, eps)
			var s float64
			for j, v := range dy {
				s += float64(float64(v) * float64(w[j]) * float64(x[j]))
			}
			r1, r3 := float32(r), float32(r*r*r*s/float64(width))
			for j, v := range dy {
				dx[j] += float32(r1*v*w[j]) - float32(x[j]*r3)
			}
		}
	})
}

// Rope: (a, b) → (a·cos − b·sin, b·cos + a·sin).
func (d *device) Rope(x []float32, n, heads, dh int, pos []int32, cos, sin []float32, inverse bool) {
	compute.Need(len(x), n*heads*dh)
	compute.Need(len(pos), n)
	half := dh / 2
	sign := float32(1)
	if inverse {
		sign = -1
	}
	d.chunks(n, rowsPerItem(heads*dh), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			cos, sin := cos[int(pos[i])*half:][:half], sin[int(pos[i])*half:][:half]
			for h := range heads {
				a := x[(i*heads+h)*dh:][:half]
				b := x[(i*heads+h)*dh+half:][:half]
				for j, c := range cos {
					s := sign * sin[j]
					a[j], b[j] = float32(a[j]*c)-float32(b[j]*s), float32(b[j]*c)+float32(a[j]*s)
				}
			}
		}
	})
}
