package ref

import (
	"math"

	"fettle/internal/compute"
)

// amx computes as compute bf16 does in tile registers. The order of sums is part of its products, and so they have the
// bits of those; the rest is ref's.
type amx struct{ bf16 }

// NewAMX returns the plain device with the products that compute bf16 has on processors with AMX.
func NewAMX() compute.Device { return amx{} }

func (amx) Name() string { return "ref bf16 amx" }

// MatMul: y[i,o] = amxDot of x[i] and w[o], pairs of neighbours.
func (amx) MatMul(y, x []float32, w *compute.Matrix, n int) {
	compute.Need(len(y), n*w.N)
	compute.Need(len(x), n*w.K)
	rows, row := make([][]float32, n), make([]float32, w.K)
	neighbours := func(i int) int { return i }
	for i := range rows {
		rows[i] = amxSteps(w.K, neighbours, func(k int) float32 { return x[i*w.K+k] })
	}
	for o := range w.N {
		w.Row(row, o, 0)
		steps := amxSteps(w.K, neighbours, func(k int) float32 { return row[k] })
		for i := range rows {
			y[i*w.N+o] = amxDot(rows[i], steps)
		}
	}
}

// MatMuls: one after the other.
func (d amx) MatMuls(x []float32, n int, products ...compute.Product) { matMuls(d, x, n, products) }

// MatMulT: dx[i,k] += amxDot of dy[i] and column k of w, pairs that lie 16 apart.
func (amx) MatMulT(dx, dy []float32, w *compute.Matrix, n int) {
	compute.Need(len(dx), n*w.K)
	compute.Need(len(dy), n*w.N)
	rows, all := make([][]float32, n), make([]float32, w.N*w.K)
	apart := func(i int) int { return i/amxStep*amxStep + i%amxStep/2 + i%2*amxStep/2 }
	for i := range rows {
		rows[i] = amxSteps(w.N, apart, func(o int) float32 { return dy[i*w.N+o] })
	}
	for o := range w.N {
		w.Row(all[o*w.K:][:w.K], o, 0)
	}
	for k := range w.K {
		steps := amxSteps(w.N, apart, func(o int) float32 { return all[o*w.K+k] })
		for i := range rows {
			dx[i*w.K+k] += amxDot(rows[i], steps)
		}
	}
}

// amxStep is the number of elements of a step.
const amxStep = 32

// amxSteps returns element at(i) for i of whole steps, rounded to bfloat16, with zeros for those past n.
func amxSteps(n int, at func(i int) int, element func(i int) float32) []float32 {
	steps := make([]float32, (n+amxStep-1)/amxStep*amxStep)
	for i := range steps {
		if k := at(i); k < n {
			steps[i] = noDenormal(round(element(k)))
		}
	}
	return steps
}

// amxDot returns Σ x·y as a chain of steps. In each two chains from zero take the first and the second elements of
// pairs; then they are added, and their sum to that of the steps before. Products are not rounded, and sums that are
// denormal count as zero.
func amxDot(x, y []float32) (sum float32) {
	for s := 0; s < len(x); s += amxStep {
		var chains [2]float32
		for i := s; i < s+amxStep; i++ {
			// A float64 has more than twice the digits of a float32, so that rounding to it first does no harm.
			exact := float64(chains[i%2]) + float64(x[i])*float64(y[i])
			chains[i%2] = noDenormal(float32(exact))
		}
		sum = noDenormal(sum + noDenormal(chains[0]+chains[1]))
	}
	return sum
}

// noDenormal returns x, or a zero of its sign instead of a denormal number.
func noDenormal(x float32) float32 {
	if math.Abs(float64(x)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}
