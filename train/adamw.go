package train

import (
	"fmt"
	"math"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
)

// adamW is Adam with decoupled weight decay on every parameter. Loshchilov and
// Hutter 2019, arXiv:1711.05101.
type adamW struct {
	beta1, beta2, epsilon, decay float64

	params []*adapter.Param
	steps  int         // updates done
	m, v   [][]float32 // first and second moments, by parameter
}

func newAdamW(c Config, params []*adapter.Param) *adamW {
	o := &adamW{beta1: c.Beta1, beta2: c.Beta2, epsilon: c.Epsilon, decay: c.WeightDecay, params: params}
	for _, p := range params {
		o.m, o.v = append(o.m, make([]float32, len(p.Data))), append(o.v, make([]float32, len(p.Data)))
	}
	return o
}

// step updates the parameters with factor times their gradients:
//
//	p −= rate·decay·p
//	m = β₁·m + (1−β₁)·g,  v = β₂·v + (1−β₂)·g²
//	p −= rate/(1−β₁ᵗ)·m / (√v/√(1−β₂ᵗ) + ε)
func (o *adamW) step(rate, factor float64) {
	o.steps++
	t := float64(o.steps)
	size, root := rate/(1-math.Pow(o.beta1, t)), math.Sqrt(1-math.Pow(o.beta2, t))
	for i, p := range o.params {
		m, v := o.m[i], o.v[i]
		for j, grad := range p.Grad {
			g := factor * float64(grad)
			mj := o.beta1*float64(m[j]) + (1-o.beta1)*g
			vj := o.beta2*float64(v[j]) + (1-o.beta2)*g*g
			m[j], v[j] = float32(mj), float32(vj)
			x := float64(p.Data[j]) * (1 - rate*o.decay)
			p.Data[j] = float32(x - size*mj/(math.Sqrt(vj)/root+o.epsilon))
		}
	}
}

// norm is the L2 norm of all gradients together.
func norm(params []*adapter.Param) float64 {
	sum := 0.0
	for _, p := range params {
		for _, g := range p.Grad {
			sum += float64(g) * float64(g)
		}
	}
	return math.Sqrt(sum)
}

// clip is the factor that brings a gradient of this norm down to limit, as
// PyTorch computes it; 1 where it is below, or limit is 0.
func clip(norm, limit float64) float64 {
	if limit == 0 {
		return 1
	}
	return min(1, limit/(norm+1e-6))
}

// tensors are the moments, named after their parameters.
func (o *adamW) tensors() []checkpoint.Tensor {
	var all []checkpoint.Tensor
	for i, p := range o.params {
		all = append(all, checkpoint.FromFloat32s(p.Name+".exp_avg", p.Shape, o.m[i]), checkpoint.FromFloat32s(p.Name+".exp_avg_sq", p.Shape, o.v[i]))
	}
	return all
}

// restore reads the moments back; every parameter must have its own.
func (o *adamW) restore(f *safetensors.File) error {
	for i, p := range o.params {
		for _, into := range []struct {
			name string
			data []float32
		}{{p.Name + ".exp_avg", o.m[i]}, {p.Name + ".exp_avg_sq", o.v[i]}} {
			t, ok := f.Tensor(into.name)
			if !ok {
				return fmt.Errorf("tensor %s is missing", into.name)
			}
			values, err := checkpoint.Float32s(t)
			if err != nil {
				return err
			}
			if len(values) != len(into.data) {
				return fmt.Errorf("tensor %s: %d elements, want %d", into.name, len(values), len(into.data))
			}
			copy(into.data, values)
		}
	}
	return nil
}
