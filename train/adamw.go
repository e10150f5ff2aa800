package train

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
)

// adamW updates parameters on a device with Adam and decoupled weight decay. Loshchilov and Hutter 2019,
// arXiv:1711.05101.
type adamW struct {
	device compute.Device
	params []*adapter.Param
	decay  []float64   // by parameter
	m, v   [][]float32 // first and second moments, by parameter

	settings compute.AdamWStep // Step counts the updates done
}

// spared matches the lower-case names of norms and biases, which have no weight decay, as Hugging Face's trainer does.
// Adapters' own matrices, prompts and gates are not among them.
var spared = regexp.MustCompile(`bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)`)

func newAdamW(c Config, d compute.Device, params []*adapter.Param) *adamW {
	o := &adamW{device: d, params: params, settings: compute.AdamWStep{
		Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon,
	}}
	for _, p := range params {
		decay := c.WeightDecay
		if spared.MatchString(strings.ToLower(p.Name)) {
			decay = 0
		}
		o.decay = append(o.decay, decay)
		o.m, o.v = append(o.m, make([]float32, len(p.Data))), append(o.v, make([]float32, len(p.Data)))
	}
	return o
}

// step updates the parameters with factor times their gradients, as compute.Device.AdamW.
func (o *adamW) step(rate, factor float64) {
	o.settings.Step++
	o.settings.Rate, o.settings.Factor = rate, factor
	for i, p := range o.params {
		o.settings.WeightDecay = o.decay[i]
		o.device.AdamW(p.Data, p.Grad, o.m[i], o.v[i], o.settings)
	}
}

// norm is the L2 norm of all gradients together.
func (o *adamW) norm() float64 {
	sum := 0.0
	for _, p := range o.params {
		sum = o.device.SumSquares(p.Grad, sum)
	}
	return math.Sqrt(sum)
}

// notFinite returns the name of a parameter with a value that is not finite, "" for none.
func (o *adamW) notFinite() string {
	for _, p := range o.params {
		if !finite(o.device.SumSquares(p.Data, 0)) {
			return p.Name
		}
	}
	return ""
}

// clip returns min(1, limit/(norm+1e-6)), the factor that brings a gradient's norm down to limit as PyTorch does; 1 if
// limit is 0.
func clip(norm, limit float64) float64 {
	if limit == 0 {
		return 1
	}
	return min(1, limit/(norm+1e-6))
}

// tensors returns the moments, named after their parameters.
func (o *adamW) tensors() []checkpoint.Tensor {
	var all []checkpoint.Tensor
	for i, p := range o.params {
		all = append(all, checkpoint.FromFloat32s(p.Name+".exp_avg", p.Shape, o.m[i]),
			checkpoint.FromFloat32s(p.Name+".exp_avg_sq", p.Shape, o.v[i]))
	}
	return all
}

// restore reads back the moments after so many steps. Moments of every parameter must be there.
func (o *adamW) restore(f *safetensors.File, steps int) error {
	o.settings.Step = steps
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
