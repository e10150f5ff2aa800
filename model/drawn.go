package model

import (
	"fmt"
	"math"
	"math/rand/v2"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// Drawn makes a model of new weights, the same for the same seed: matrices
// N(0, deviation²), those that write to the residual stream smaller by 1/√(2L)
// so that its variance does not grow with depth (Radford et al. 2019, GPT-2),
// norms one.
func Drawn(c *Config, seed uint64, deviation float64, dev compute.Device) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("draw model: %w", err)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	tensors := map[string]checkpoint.Tensor{}
	add := func(name string, mean, deviation float64, dims ...int) {
		n := 1
		for _, d := range dims {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(mean + deviation*rng.NormFloat64())
		}
		tensors[name] = checkpoint.FromFloat32s(name, dims, values)
	}
	residual := deviation / math.Sqrt(float64(2*c.Layers))
	add("model.embed_tokens.weight", 0, deviation, c.Vocab, c.Hidden)
	add("model.norm.weight", 1, 0, c.Hidden)
	for l := range c.Layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		add(at+"input_layernorm.weight", 1, 0, c.Hidden)
		add(at+"post_attention_layernorm.weight", 1, 0, c.Hidden)
		for _, p := range Projections() {
			n, k := c.Width(p)
			spread := deviation
			if p == OProj || p == DownProj {
				spread = residual
			}
			add(Site{l, p}.ModuleName()+".weight", 0, spread, n, k)
		}
	}
	if !c.Tied {
		add("lm_head.weight", 0, deviation, c.Vocab, c.Hidden)
	}
	return New(c, tensors, dev)
}
