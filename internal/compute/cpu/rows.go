package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/rng"
)

// Copy: dst = src.
func (d *device) Copy(dst, src []float32) {
	compute.Need(len(src), len(dst))
	d.chunks(len(dst), elements, func(lo, hi int) { copy(dst[lo:hi], src[lo:hi]) })
}

// Zero: x = 0.
func (d *device) Zero(x []float32) {
	d.chunks(len(x), elements, func(lo, hi int) { clear(x[lo:hi]) })
}

// Scale: x *= a.
func (d *device) Scale(x []float32, a float32) {
	d.chunks(len(x), elements, func(lo, hi int) { d.core.Scale(x[lo:hi], a) })
}

// Gather: y[i] = x[rows[i]].
func (d *device) Gather(y, x []float32, rows []int32, width int) {
	compute.Need(len(y), len(rows)*width)
	d.chunks(len(rows), rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(y[i*width:][:width], x[int(rows[i])*width:][:width])
		}
	})
}

// ScatterAdd: y[rows[i]] += x[i]. Threads share the columns: a row that stands in rows twice is summed in order.
func (d *device) ScatterAdd(y, x []float32, rows []int32, width int) {
	compute.Need(len(x), len(rows)*width)
	d.chunks(width, columnsPerItem(len(rows)), func(lo, hi int) {
		for i, r := range rows {
			d.core.Add(y[int(r)*width+lo:int(r)*width+hi], x[i*width+lo:i*width+hi])
		}
	})
}

// Dropout: x[i,j] = 0 if Uniform(pos[i]·width+j) < p, else x[i,j]/(1−p).
func (d *device) Dropout(x []float32, width int, pos []int32, p float64, key rng.Key) {
	compute.Need(len(x), len(pos)*width)
	keep := float32(1 / (1 - p))
	d.chunks(len(pos), rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			first, row := int(pos[i])*width, x[i*width:][:width]
			for j := range row {
				if key.Uniform(first+j) < p {
					row[j] = 0
				} else {
					row[j] *= keep
				}
			}
		}
	})
}
