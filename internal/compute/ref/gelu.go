package ref

import (
	"math"

	"fettle/internal/compute"
)

// gelu returns gelu(x) = x·σ(2u), u = √(2/π)·(x + 0.044715·x³), and its derivative
//
//	σ(2u) + 2·x·σ(2u)·(1−σ(2u))·√(2/π)·(1 + 3·0.044715·x²)
//
// as (1 + tanh u)/2 = σ(2u).
func gelu(x float64) (y, slope float64) {
	root := math.Sqrt(2 / math.Pi)
	s := sigmoid(2 * root * (x + 0.044715*x*x*x))
	return x * s, s + 2*x*s*(1-s)*root*(1+3*0.044715*x*x)
}

// GeGLU: y = gelu(gate)·up.
func (device) GeGLU(y, gate, up []float32) {
	compute.Need(len(gate), len(y))
	compute.Need(len(up), len(y))
	for i := range y {
		g, _ := gelu(float64(gate[i]))
		y[i] = float32(g * float64(up[i]))
	}
}

// GeGLUBackward: dgate = dy·up·gelu′(gate), dup = dy·gelu(gate).
func (device) GeGLUBackward(dgate, dup, dy, gate, up []float32) {
	compute.Need(len(dup), len(dgate))
	compute.Need(len(dy), len(dgate))
	compute.Need(len(gate), len(dgate))
	compute.Need(len(up), len(dgate))
	for i := range dgate {
		g, slope := gelu(float64(gate[i]))
		d := float64(dy[i])
		dgate[i] = float32(d * float64(up[i]) * slope)
		dup[i] = float32(d * g)
	}
}

// SoftCap: x = limit·tanh(x/limit).
func (device) SoftCap(x []float32, limit float32) {
	for i, v := range x {
		x[i] = float32(float64(limit) * math.Tanh(float64(v)/float64(limit)))
	}
}

// SoftCapBackward: dy *= 1 − (y/limit)².
func (device) SoftCapBackward(dy, y []float32, limit float32) {
	compute.Need(len(y), len(dy))
	for i := range dy {
		t := float64(y[i]) / float64(limit)
		dy[i] = float32(float64(dy[i]) * (1 - t*t))
	}
}

// AddRow: y[i] += x.
func (d device) AddRow(y, x []float32) {
	for i := 0; i < len(y); i += len(x) {
		d.Add(y[i:][:len(x)], x)
	}
}
