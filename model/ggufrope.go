package model

import (
	"fmt"
	"math"
	"slices"

	"fettle/internal/checkpoint"
)

// scaling returns how a file's RoPE is scaled: by a rule that its keys name, or by divisors of the frequencies in
// tensors.
func (k *keys) scaling(tensors map[string]checkpoint.Tensor, c *Config) *RopeScaling {
	s := k.rule(c)
	attention := k.number("rope.scaling.attn_factor", 1) * k.number("rope.scaling.yarn_attn_factor", 1)
	short, long := k.divisors(tensors, ropeShort, c), k.divisors(tensors, ropeLong, c)
	all := k.divisors(tensors, ropeFactors, c)
	switch {
	case k.err != nil:
		return nil
	case short != nil && long != nil && s == nil && all == nil:
		original := k.whole("rope.scaling.original_context_length", &c.MaxPositions)
		s = &RopeScaling{
			Type: longRope, Factor: float64(c.MaxPositions) / float64(max(1, original)), OriginalMaxPositions: original,
			Short: short, Long: long, LongMaxPositions: c.MaxPositions, Attention: attention,
		}
		c.MaxPositions = min(c.MaxPositions, original)
		return s
	case short != nil || long != nil:
		k.fail("tensors %s and %s want each other, and no other scaling of RoPE beside them", ropeShort, ropeLong)
	case s != nil && s.Type == yarnRope && all == nil:
		s.Attention *= attention
	case attention != 1:
		k.fail("key %s or yarn_attn_factor scales RoPE by %v, want 1", k.name("rope.scaling.attn_factor"), attention)
	case all != nil && s != nil && s.Type != linearRope:
		k.fail("tensor %s scales RoPE, and %s does too", ropeFactors, k.name("rope.scaling.type"))
	case all != nil:
		if s != nil {
			for j := range all {
				all[j] *= s.Factor
			}
		}
		return divided(all, c)
	}
	return s
}

// rule returns the scaling that keys name.
func (k *keys) rule(c *Config) *RopeScaling {
	factor := k.number("rope.scaling.factor", k.number("rope.scale_linear", 1)) // scale_linear: files of 2023
	name := k.name("rope.scaling.type")
	kind, given := k.Text(name)
	if v, there := k.Metadata[name]; there && !given {
		k.fail("key %s is %s, want a text", name, show(v))
	}
	switch {
	case kind == "none" || factor == 1 || factor == 0 || kind == "longrope": // 0: not scaled, as llama.cpp has it
		return nil
	case kind == linearRope || !given:
		return &RopeScaling{Type: linearRope, Factor: factor}
	case kind == yarnRope:
		if mix := k.number("rope.scaling.yarn_ext_factor", 1); mix >= 0 && mix != 1 { // below 0: llama.cpp's own, 1
			k.fail("key %s is %v, want 1", k.name("rope.scaling.yarn_ext_factor"), mix)
		}
		return &RopeScaling{
			Type: yarnRope, Factor: factor, OriginalMaxPositions: k.whole("rope.scaling.original_context_length",
				&c.MaxPositions), Attention: yarnMagnitude(factor),
			BetaFast: k.number("rope.scaling.yarn_beta_fast", yarnFast),
			BetaSlow: k.number("rope.scaling.yarn_beta_slow", yarnSlow), Whole: true,
		}
	}
	k.fail("key %s is %q, which is not supported, want none, linear or yarn", name, kind)
	return nil
}

// What YaRN has where a file says nothing. Peng et al. 2023, arXiv:2309.00071.
const yarnFast, yarnSlow = 32, 1

func yarnMagnitude(factor float64) float64 { return 0.1*math.Log(factor) + 1 }

// divisors reads a tensor with a positive number for every frequency; nil where there is none.
func (k *keys) divisors(tensors map[string]checkpoint.Tensor, name string, c *Config) (all []float64) {
	t, ok := tensors[name]
	if !ok || k.err != nil {
		return nil
	}
	values, err := checkpoint.Float32s(t)
	if want := c.rotary() / 2; err == nil && (len(t.Shape) != 1 || len(values) != want) {
		err = fmt.Errorf("tensor %s: shape %v, want [%d]", name, t.Shape, want)
	}
	for _, d := range values {
		if all = append(all, float64(d)); err == nil && (!(d > 0) || math.IsInf(float64(d), 0)) {
			err = fmt.Errorf("tensor %s: a divisor of a frequency is %v, want a positive number", name, d)
		}
	}
	k.err = err
	return all
}

// divided returns the scaling that divides inverse frequencies by divisors: LLaMA 3's rule where they follow it.
func divided(divisors []float64, c *Config) *RopeScaling {
	s := &RopeScaling{Type: ropeDivisors, Factor: 1, Divisors: divisors}
	largest := slices.Max(divisors)
	if largest == 1 && s.same(c, nil) {
		return nil
	}
	for _, original := range s.originals(largest, c) {
		rule := &RopeScaling{Type: llama3Rope, Factor: largest, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: original}
		if s.same(c, rule) {
			return rule
		}
	}
	return s
}

// originals proposes the positions of pre-training that LLaMA 3's rule with low 1 and high 4 would need for divisors
// up to factor: those that the first divisor between 1 and factor implies, and usual ones.
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
