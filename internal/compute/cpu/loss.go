package cpu

import (
	"math"

	"fettle/internal/compute"
)

// logitsAtOnce bounds the logits that exist at one time.
const logitsAtOnce = 1 << 22

// CrossEntropy computes logits for a chunk of rows, turns them in place into
// the gradient, and multiplies back.
func (d *device) CrossEntropy(loss []float64, dx, x []float32, w *compute.Matrix, target []int32, scale []float32, n int) {
	compute.Need(len(loss), n)
	compute.Need(len(x), n*w.K)
	compute.Need(len(target), n)
	if dx != nil {
		compute.Need(len(dx), n*w.K)
		compute.Need(len(scale), n)
	}
	rows := min(n, max(16, logitsAtOnce/w.N))
	z := d.free.get(rows * w.N)
	defer d.free.put(z)
	for lo := 0; lo < n; lo += rows {
		m := min(rows, n-lo)
		d.MatMul(z, x[lo*w.K:], w, m)
		d.each(m, func(i int) {
			row, t := z[i*w.N:][:w.N], target[lo+i]
			top, sum := normalizer(row)
			loss[lo+i] = math.Log(sum) + float64(top) - float64(row[t])
			if dx == nil {
				return
			}
			s := float32(float64(scale[lo+i]) / sum)
			for o, v := range row {
				row[o] = s * exp32(v-top)
			}
			row[t] -= scale[lo+i]
		})
		if dx != nil {
			d.MatMulT(dx[lo*w.K:], z, w, m)
		}
	}
}

// normalizer is the largest of z, and Σ exp(z − largest).
func normalizer(z []float32) (top float32, sum float64) {
	top = z[0]
	for _, v := range z {
		top = max(top, v) // NaN wins
	}
	for _, v := range z {
		sum += float64(exp32(v - top))
	}
	return top, sum
}
