package ref

import (
	"math"

	"fettle/internal/compute"
)

// RMSNormWeightBackward: dw += Σ_i dy[i]·x[i]·r with r = 1/sqrt(mean(x[i]²)+eps).
func (device) RMSNormWeightBackward(dw, dy, x []float32, n int, eps float32) {
	d := len(dw)
	compute.Need(len(dy), n*d)
	compute.Need(len(x), n*d)
	for i := range n {
		r := float32(inverseRMS(x[i*d:][:d], eps))
		for j := range dw {
			dw[j] += float32(dy[i*d+j] * float32(x[i*d+j]*r))
		}
	}
}

// SoftmaxCrossEntropy: with p = softmax(z), loss = −log p[target] and z = scale·(p − [target]).
func (device) SoftmaxCrossEntropy(loss []float64, z []float32, target []int32, scale []float32, n int) {
	compute.Need(len(loss), n)
	compute.Need(len(target), n)
	compute.Need(len(scale), n)
	width := len(z) / max(n, 1)
	for i := range n {
		z := z[i*width:][:width]
		top, sum := z[0], 0.0
		for _, v := range z {
			top = max(top, v)
		}
		for _, v := range z {
			sum += math.Exp(float64(v - top))
		}
		loss[i] = math.Log(sum) + float64(top) - float64(z[target[i]])
		for o, v := range z {
			z[o] = float32(float64(scale[i]) * math.Exp(float64(v-top)) / sum)
		}
		z[target[i]] -= scale[i]
	}
}

// AdamW: m = β₁·m + (1−β₁)·g, v = β₂·v + (1−β₂)·g², p = p·(1 − rate·decay) − rate·m̂/(√v̂ + ε).
func (device) AdamW(p, grad, m, v []float32, s compute.AdamWStep) {
	compute.Need(len(grad), len(p))
	compute.Need(len(m), len(p))
	compute.Need(len(v), len(p))
	t := float64(s.Step)
	size, root := s.Rate/(1-math.Pow(s.Beta1, t)), math.Sqrt(1-math.Pow(s.Beta2, t))
	for i := range p {
		g := s.Factor * float64(grad[i])
		mi := s.Beta1*float64(m[i]) + (1-s.Beta1)*g
		vi := s.Beta2*float64(v[i]) + (1-s.Beta2)*g*g
		m[i], v[i] = float32(mi), float32(vi)
		x := float64(p[i]) * (1 - s.Rate*s.WeightDecay)
		p[i] = float32(x - size*mi/(math.Sqrt(vi)/root+s.Epsilon))
	}
}

// SumSquares: sum + Σ x².
func (device) SumSquares(x []float32, sum float64) float64 {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}
