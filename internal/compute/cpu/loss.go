package cpu

import (
	"math"

	"fettle/internal/compute"
)

// logitsAtOnce bounds the logits that exist at one time.
const logitsAtOnce = 1 << 23

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
			top, learned := d.top(row), float64(row[t])
			sum := d.expSum(row, top)
			loss[lo+i] = math.Log(sum) + float64(top) - learned
			if dx == nil {
				return
			}
			d.level.scale(row, float32(float64(scale[lo+i])/sum))
			row[t] -= scale[lo+i]
		})
		if dx != nil {
			d.MatMulT(dx[lo*w.K:], z, w, m)
		}
	}
}
