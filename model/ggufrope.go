package model

import (
	"fmt"
	"math"

	"fettle/internal/checkpoint"
)

// scaling returns how a file's RoPE is scaled: by a rule that its keys name, or by a divisor of every frequency in a
// tensor.
func (k *keys) scaling(tensors map[string]checkpoint.Tensor, c *Config) *RopeScaling {
	factor := k.number("rope.scaling.factor", k.number("rope.scale_linear", 1)) // scale_linear: files of 2023
	if scale := k.number("rope.scaling.attn_factor", 1); scale != 1 {
		k.fail("key %s is %v, want 1", k.name("rope.scaling.attn_factor"), scale)
	}
	kind, given := k.Text(k.name("rope.scaling.type"))
	if _, there := k.Metadata[k.name("rope.scaling.type")]; there && !given {
		k.fail("key %s is %s, want a text", k.name("rope.scaling.type"), show(k.Metadata[k.name("rope.scaling.type")]))
	}
	if !given {
		kind = "linear"
	}
	var s *RopeScaling
	switch {
	case kind == "none" || factor == 1 || factor == 0: // 0: not scaled, as llama.cpp has it
	case kind == "linear":
		s = &RopeScaling{Type: kind, Factor: factor}
	default:
		k.fail("key %s is %q, which is not supported, want none or linear", k.name("rope.scaling.type"), kind)
	}
	t, ok := tensors[ropeFactors]
	if !ok || k.err != nil {
		return s
	}
	divisors, err := checkpoint.Float32s(t)
	switch {
	case err != nil:
		k.err = err
	case len(t.Shape) != 1 || len(divisors) != c.HeadDim/2:
		k.fail("tensor %s: shape %v, want [%d]", t.Name, t.Shape, c.HeadDim/2)
	default:
		if s != nil {
			for j := range divisors {
				divisors[j] *= float32(s.Factor)
			}
		}
		if s, err = divided(divisors, c); err != nil {
			k.fail("tensor %s: %w", t.Name, err)
		}
	}
	return s
}

// divided returns the scaling that divides inverse frequencies by divisors: LLaMA 3's rule where they follow it.
func divided(divisors []float32, c *Config) (*RopeScaling, error) {
	s := &RopeScaling{Type: ropeDivisors, Factor: 1}
	largest := 0.0
	for _, d := range divisors {
		if !(d > 0) || math.IsInf(float64(d), 0) {
			return nil, fmt.Errorf("a divisor of a frequency is %v, want a positive number", d)
		}
		s.Divisors = append(s.Divisors, float64(d))
		largest = max(largest, float64(d))
	}
	if largest == 1 && s.same(c, nil) {
		return nil, nil
	}
	for _, original := range s.originals(largest, c) {
		rule := &RopeScaling{Type: "llama3", Factor: largest, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: original}
		if s.same(c, rule) {
			return rule, nil
		}
	}
	return s, nil
}

// originals proposes the positions of pre-training that LLaMA 3's rule with low 1 and high 4 would need for divisors up
// to factor: those that the first divisor between 1 and factor implies, and usual ones.
func (s *RopeScaling) originals(factor float64, c *Config) []int {
	all := []int{8192, int(float64(c.MaxPositions) / factor), c.MaxPositions}
	for j, d := range s.Divisors {
		if smooth := (1/d - 1/factor) / (1 - 1/factor); smooth > 1e-3 && smooth < 1-1e-3 {
			cycles := 1 + smooth*(4-1)
			return append([]int{int(math.Round(2 * math.Pi * cycles / frequency(c, j)))}, all...)
		}
	}
	return all
}

// same reports whether another scaling gives the same frequencies, up to the rounding of float32.
func (s *RopeScaling) same(c *Config, other *RopeScaling) bool {
	for j := range s.Divisors {
		f := frequency(c, j)
		if math.Abs(s.scale(c, f, j)/other.scale(c, f, j)-1) > 1e-6 {
			return false
		}
	}
	return true
}
