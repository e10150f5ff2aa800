package cpu

import (
	"math"

	"fettle/internal/compute"
)

// RMSNormWeightBackward: dw += Σ_i dy[i]·x[i]·r with r = 1/sqrt(mean(x[i]²)+eps). Threads share the columns, so that
// rows are added in order.
func (d *device) RMSNormWeightBackward(dw, dy, x []float32, n int, eps float32) {
	width := len(dw)
	compute.Need(len(dy), n*width)
	compute.Need(len(x), n*width)
	inverse := d.free.get(n)
	defer d.free.put(inverse)
	d.chunks(n, rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			mean := d.SumSquares(x[i*width:][:width], 0) / float64(width)
			inverse[i] = float32(1 / math.Sqrt(mean+float64(eps)))
		}
	})
	d.chunks(width, columnsPerItem(n), func(lo, hi int) {
		for i, r := range inverse {
			dw, dy, x := dw[lo:hi], dy[i*width+lo:i*width+hi], x[i*width+lo:i*width+hi]
			for j := range dw {
				dw[j] += float32(dy[j] * float32(x[j]*r))
			}
		}
	})
}

// SoftmaxCrossEntropy: with p = softmax(z), loss = −log p[target] and z = scale·(p − [target]).
func (d *device) SoftmaxCrossEntropy(loss []float64, z []float32, target []int32, scale []float32, n int) {
	compute.Need(len(loss), n)
	compute.Need(len(target), n)
	compute.Need(len(scale), n)
	width := len(z) / max(n, 1)
	d.chunks(n, rowsPerItem(width), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			loss[i] = softmaxGradient(z[i*width:][:width], target[i], scale[i])
		}
	})
}

// softmaxGradient turns logits into scale times the gradient of their loss, which it returns.
func softmaxGradient(z []float32, target int32, scale float32) float64 {
	top, sum := z[0], 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for _, v := range z {
		sum += math.Exp(float64(v - top))
	}
	loss := math.Log(sum) + float64(top) - float64(z[target])
	for i, v := range z {
		z[i] = float32(float64(scale) * math.Exp(float64(v-top)) / sum)
	}
	z[target] -= scale
	return loss
}

// AdamW: m = β₁·m + (1−β₁)·g, v = β₂·v + (1−β₂)·g², p = p·(1 − rate·decay) − rate·m̂/(√v̂ + ε).
func (d *device) AdamW(p, grad, m, v []float32, s compute.AdamWStep) {
	compute.Need(len(grad), len(p))
	compute.Need(len(m), len(p))
	compute.Need(len(v), len(p))
	t := float64(s.Step)
	size, root := s.Rate/(1-math.Pow(s.Beta1, t)), math.Sqrt(1-math.Pow(s.Beta2, t))
	d.chunks(len(p), elements, func(lo, hi int) {
		p, grad, m, v := p[lo:hi], grad[lo:hi], m[lo:hi], v[lo:hi]
		for i := range p {
			g := s.Factor * float64(grad[i])
			mi := s.Beta1*float64(m[i]) + (1-s.Beta1)*g
			vi := s.Beta2*float64(v[i]) + (1-s.Beta2)*g*g
			m[i], v[i] = float32(mi), float32(vi)
			x := float64(p[i]) * (1 - s.Rate*s.WeightDecay)
			p[i] = float32(x - size*mi/(math.Sqrt(vi)/root+s.Epsilon))
		}
	})
}

// SumSquares: sum + Σ x², one chain, so that its bits do not depend on threads.
func (d *device) SumSquares(x []float32, sum float64) float64 {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}
