package ref

import (
	"math"

	"fettle/internal/compute"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// SwiGLU: y = gate·σ(gate)·up.
func (device) SwiGLU(y, gate, up []float32) {
	compute.Need(len(gate), len(y))
	compute.Need(len(up), len(y))
	for i := range y {
		g := float64(gate[i])
		y[i] = float32(g * sigmoid(g) * float64(up[i]))
	}
}

// SwiGLUBackward: with σ = σ(gate),
//
//	dgate = dy·up·σ·(1 + gate·(1−σ))
//	dup   = dy·gate·σ
func (device) SwiGLUBackward(dgate, dup, dy, gate, up []float32) {
	compute.Need(len(dup), len(dgate))
	compute.Need(len(dy), len(dgate))
	compute.Need(len(gate), len(dgate))
	compute.Need(len(up), len(dgate))
	for i := range dgate {
		g, d := float64(gate[i]), float64(dy[i])
		s := sigmoid(g)
		dgate[i] = float32(d * float64(up[i]) * s * (1 + g*(1-s)))
		dup[i] = float32(d * g * s)
	}
}

// CrossEntropy: with z = x[i]·Wᵀ and p = softmax(z),
//
//	loss[i] = log Σ_o exp z[o] − z[target]
//	dx[i]  += scale[i]·Σ_o (p[o] − [o = target])·w[o]
func (device) CrossEntropy(loss []float64, dx, x []float32, w *compute.Matrix, target []int32, scale []float32, n int) {
	crossEntropy(loss, dx, x, w, w, target, scale, n, asItIs)
}

func asItIs(p float64) float64 { return p }

// crossEntropy passes the gradient of every logit through round, and takes it back to dx by other weights.
func crossEntropy(
	loss []float64, dx, x []float32, w, back *compute.Matrix, target []int32, scale []float32, n int,
	round func(float64) float64,
) {
	compute.Need(len(loss), n)
	compute.Need(len(x), n*w.K)
	compute.Need(len(target), n)
	z := make([]float64, w.N)
	row := make([]float32, w.K)
	for i := range n {
		x := x[i*w.K:][:w.K]
		top := math.Inf(-1)
		for o := range z {
			w.Row(row, o, 0)
			z[o] = dot(x, row)
			top = math.Max(top, z[o])
		}
		var sum float64
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		loss[i] = math.Log(sum) + top - z[target[i]]
		if dx == nil {
			continue
		}
		grad := make([]float64, w.K)
		for o := range z {
			p := math.Exp(z[o]-top) / sum
			if o == int(target[i]) {
				p--
			}
			back.Row(row, o, 0)
			axpy(grad, round(p*float64(scale[i])), row)
		}
		addTo(dx[i*w.K:][:w.K], grad)
	}
}
