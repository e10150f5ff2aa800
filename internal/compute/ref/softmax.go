package ref

import (
	"math"

	"fettle/internal/compute"
)

// Softmax: p = exp(x−largest)/Σ.
func (device) Softmax(x []float32, width int) {
	for lo := 0; lo+width <= len(x) && width > 0; lo += width {
		row := x[lo:][:width]
		top, sum := math.Inf(-1), 0.0
		for _, v := range row {
			top = math.Max(top, float64(v))
		}
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		for i, v := range row {
			row[i] = float32(math.Exp(float64(v)-top) / sum)
		}
	}
}

// SoftmaxBackward: dx += p·(dy − Σ p·dy).
func (device) SoftmaxBackward(dx, dy, p []float32, width int) {
	compute.Need(len(dy), len(dx))
	compute.Need(len(p), len(dx))
	for lo := 0; lo+width <= len(dx) && width > 0; lo += width {
		mean := dot(p[lo:lo+width], dy[lo:lo+width])
		for i := lo; i < lo+width; i++ {
			dx[i] += float32(float64(p[i]) * (float64(dy[i]) - mean))
		}
	}
}
