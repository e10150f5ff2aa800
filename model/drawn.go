package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// Drawn makes a model with random weights, the same for the same seed: matrices N(0, deviation²), those that write to
// the residual stream smaller by 1/√(2L) so that its variance does not grow with depth (Radford et al. 2019, GPT-2),
// norms one, biases zero.
func Drawn(c *Config, seed uint64, deviation float64, dev compute.Device) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("draw model: %w", err)
	}
	random := rand.New(rand.NewPCG(seed, 2))
	tensors := map[string]checkpoint.Tensor{}
	for _, t := range c.Tensors() {
		mean, spread := 0.0, deviation
		switch {
		case strings.HasSuffix(t.Name, biasSuffix):
			spread = 0
		case len(t.Shape) == 1:
			mean, spread = float64(1-c.Arch.NormOffset), 0
		case toResidual(t.Name):
			spread = deviation / math.Sqrt(float64(2*c.Layers))
		}
		values := make([]float32, t.Size())
		for i := range values {
			values[i] = float32(mean + spread*random.NormFloat64())
		}
		tensors[t.Name] = checkpoint.FromFloat32s(t.Name, t.Shape, values)
	}
	return New(c, tensors, dev)
}

// toResidual reports whether the outputs of a weight are added to the residual stream.
func toResidual(name string) bool {
	end := func(p Place) bool { return strings.HasSuffix(name, p.String()+".weight") }
	return end(OProj) || end(DownProj)
}
