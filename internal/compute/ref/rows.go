package ref

import (
	"fettle/internal/compute"
	"fettle/internal/rng"
)

// Copy: dst = src.
func (device) Copy(dst, src []float32) {
	compute.Need(len(src), len(dst))
	copy(dst, src)
}

// Zero: x = 0.
func (device) Zero(x []float32) { clear(x) }

// Scale: x *= a.
func (device) Scale(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}

// Gather: y[i] = x[rows[i]].
func (device) Gather(y, x []float32, rows []int32, width int) {
	compute.Need(len(y), len(rows)*width)
	for i, r := range rows {
		copy(y[i*width:][:width], x[int(r)*width:][:width])
	}
}

// ScatterAdd: y[rows[i]] += x[i].
func (d device) ScatterAdd(y, x []float32, rows []int32, width int) {
	compute.Need(len(x), len(rows)*width)
	for i, r := range rows {
		d.Add(y[int(r)*width:][:width], x[i*width:])
	}
}

// Dropout: x[i,j] = 0 if Uniform(pos[i]·width+j) < p, else x[i,j]/(1−p).
func (device) Dropout(x []float32, width int, pos []int32, p float64, key rng.Key) {
	compute.Need(len(x), len(pos)*width)
	keep := float32(1 / (1 - p))
	for i, at := range pos {
		for j := range width {
			if key.Uniform(int(at)*width+j) < p {
				x[i*width+j] = 0
			} else {
				x[i*width+j] *= keep
			}
		}
	}
}
