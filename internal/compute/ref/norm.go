package ref

import (
	"math"

	"fettle/internal/compute"
)

// inverseRMS returns 1/sqrt(mean(x²)+eps).
func inverseRMS(x []float32, eps float32) float64 {
	return 1 / math.Sqrt(dot(x, x)/float64(len(x))+float64(eps))
}

// RMSNorm: y[i] = x[i]·r·w with r = 1/sqrt(mean(x[i]²)+eps).
func (device) RMSNorm(y, x, w []float32, n int, eps float32) {
	d := len(w)
	compute.Need(len(y), n*d)
	compute.Need(len(x), n*d)
	for i := range n {
		x, y := x[i*d:][:d], y[i*d:][:d]
		r := inverseRMS(x, eps)
		for j := range d {
			y[j] = float32(float64(x[j]) * r * float64(w[j]))
		}
	}
}

// RMSNormBackward: with r as above and s = Σ_j dy[j]·w[j]·x[j],
//
//	dx[j] += r·dy[j]·w[j] − x[j]·r³·s/D
func (device) RMSNormBackward(dx, dy, x, w []float32, n int, eps float32) {
	d := len(w)
	compute.Need(len(dx), n*d)
	compute.Need(len(dy), n*d)
	compute.Need(len(x), n*d)
	for i := range n {
		dx, dy, x := dx[i*d:][:d], dy[i*d:][:d], x[i*d:][:d]
		r := inverseRMS(x, eps)
		var s float64
		for j := range d {
			s += float64(dy[j]) * float64(w[j]) * float64(x[j])
		}
		for j := range d {
			g := r*float64(dy[j])*float64(w[j]) - float64(x[j])*r*r*r*s/float64(d)
			dx[j] = float32(float64(dx[j]) + g)
		}
	}
}

// Rope: (a, b) → (a·cos − b·sin, b·cos + a·sin) for the pairs (j, j+rotary/2) of every head; inverse rotates the other
// way.
func (device) Rope(x []float32, n, heads, dh, rotary int, pos []int32, cos, sin []float32, inverse bool) {
	compute.Need(len(x), n*heads*dh)
	compute.Need(len(pos), n)
	half := rotary / 2
	for i := range n {
		p := int(pos[i]) * half
		for h := range heads {
			head := x[(i*heads+h)*dh:][:rotary]
			for j := range half {
				c, s := float64(cos[p+j]), float64(sin[p+j])
				if inverse {
					s = -s
				}
				a, b := float64(head[j]), float64(head[j+half])
				head[j], head[j+half] = float32(a*c-b*s), float32(b*c+a*s)
			}
		}
	}
}
