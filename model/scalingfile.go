package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// scalings lists the values of rope_type beside default.
var scalings = []string{linearRope, llama3Rope, dynamicRope, yarnRope, longRope}

// scaling reads the scaling of RoPE.
func (f *configFile) scaling(c *Config, rope *ropeFile) error {
	kind := rope.kind()
	if families[f.ModelType].arch.Fused && (kind == "su" || kind == yarnRope) {
		kind = longRope // Phi-3's names of old
	}
	want := strings.Join(scalings, ", ")
	switch {
	case kind == "default" || kind == "" && rope.Factor == nil:
		return nil
	case kind == "":
		return fmt.Errorf("rope scaling has a factor, %g, but no rope_type: want one of %s", *rope.Factor, want)
	case !slices.Contains(scalings, kind):
		return fmt.Errorf("rope scaling %q is not supported, want one of %s", kind, want)
	case families[f.ModelType].arch.Fused && kind != longRope:
		return fmt.Errorf("rope scaling %q is not supported for %s, want %s", kind, f.ModelType, longRope)
	case rope.Factor == nil && kind != yarnRope && kind != longRope:
		return fmt.Errorf("rope scaling %s has no factor", kind)
	}
	original := rope.OriginalMax
	if original == 0 {
		original = whole(c.MaxPositions)
	}
	if f.OriginalMax != 0 && !families[f.ModelType].localRope { // which has it in the scaling alone
		original = f.OriginalMax
	}
	factor := float64(c.MaxPositions) / float64(original)
	if rope.Factor != nil {
		factor = *rope.Factor
	}
	s := &RopeScaling{Type: kind, Factor: factor}
	c.RopeScaling = s
	switch kind {
	case llama3Rope:
		s.LowFreq, s.HighFreq, s.OriginalMaxPositions = rope.LowFreq, rope.HighFreq, int(original)
	case dynamicRope:
		s.OriginalMaxPositions = c.MaxPositions
		c.stretch(factor)
	case yarnRope:
		s.OriginalMaxPositions, s.Attention = int(original), yarnAttention(rope, factor)
		s.BetaFast, s.BetaSlow = cmp.Or(rope.BetaFast, yarnFast), cmp.Or(rope.BetaSlow, yarnSlow)
		s.Whole = rope.Truncate == nil || *rope.Truncate
		c.stretch(factor)
	case longRope:
		s.OriginalMaxPositions, s.Attention, s.Short, s.Long = int(original), 1, rope.Short, rope.Long
		if factor > 1 {
			s.Attention = math.Sqrt(1 + math.Log(factor)/math.Log(float64(original)))
		}
		s.LongMaxPositions, c.MaxPositions = c.MaxPositions, min(c.MaxPositions, int(original))
	}
	if rope.AttentionFactor != nil && s.Attention != 0 {
		s.Attention = *rope.AttentionFactor
	}
	return nil
}

// stretch allows factor times the original positions of a scaling, where files may state the original ones alone.
func (c *Config) stretch(factor float64) {
	n := factor * float64(c.RopeScaling.OriginalMaxPositions)
	if n > float64(c.MaxPositions) && n < 1<<24 {
		c.MaxPositions = int(n)
	}
}

// yarnAttention returns the factor that YaRN gives RoPE's tables: 1 + 0.1·ln factor, or a quotient of two such.
func yarnAttention(rope *ropeFile, factor float64) float64 {
	of := func(m float64) float64 {
		if factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(factor) + 1
	}
	if rope.Mscale != 0 && rope.MscaleAllDim != 0 {
		return of(rope.Mscale) / of(rope.MscaleAllDim)
	}
	return of(1)
}

// checkScaling returns an error unless the numbers of a scaling make sense.
func (c *Config) checkScaling() error {
	s := c.RopeScaling
	switch {
	case s == nil:
	case s.Type == ropeDivisors && len(s.Divisors) != c.rotary()/2:
		return fmt.Errorf("rope scaling has %d divisors, want %d", len(s.Divisors), c.rotary()/2)
	case !(s.Factor > 0):
		return fmt.Errorf("rope scaling factor %v must be positive", s.Factor)
	case s.Type == llama3Rope && !(s.HighFreq > s.LowFreq && s.LowFreq > 0 && s.OriginalMaxPositions > 0):
		return fmt.Errorf("rope scaling llama3 needs high_freq_factor > low_freq_factor > 0 and " +
			"original_max_position_embeddings")
	case s.Type == dynamicRope && (s.OriginalMaxPositions < 1 || s.Factor < 1 || c.rotary() < 4):
		return fmt.Errorf("rope scaling dynamic needs a factor of 1 or more, not %v", s.Factor)
	case s.Type == yarnRope && !(s.OriginalMaxPositions > 0 && s.BetaFast > 0 && s.BetaSlow > 0 && s.Attention > 0 &&
		c.RopeTheta > 1):
		return fmt.Errorf("rope scaling yarn needs positive beta_fast, beta_slow, attention_factor and " +
			"original_max_position_embeddings")
	case s.Type == longRope && (len(s.Short) != c.rotary()/2 || len(s.Long) != c.rotary()/2 ||
		slices.Min(s.Short) <= 0 || slices.Min(s.Long) <= 0 || !(s.Attention > 0) || s.OriginalMaxPositions < 1):
		return fmt.Errorf("rope scaling longrope has %d short and %d long factors, want %d positive ones of each",
			len(s.Short), len(s.Long), c.rotary()/2)
	}
	return nil
}

// writeRope adds the keys of RoPE to a config.json.
func (c *Config) writeRope(file map[string]any) {
	if c.Arch.LocalTheta > 0 {
		file["rope_local_base_freq"] = c.Arch.LocalTheta
	}
	if c.Arch.Fused {
		part := float64(c.rotary()) / float64(c.HeadDim)
		for int(part*float64(c.HeadDim)) < c.rotary() { // readers cut off the fraction
			part = math.Nextafter(part, 1)
		}
		file["partial_rotary_factor"] = part
	}
	s := c.RopeScaling
	if s == nil {
		return
	}
	if s.Type == ropeDivisors { // longrope with the same divisors everywhere
		s = &RopeScaling{
			Type: longRope, Factor: 1, OriginalMaxPositions: c.MaxPositions, LongMaxPositions: c.MaxPositions,
			Short: s.Divisors, Long: s.Divisors, Attention: 1,
		}
	}
	scaling := map[string]any{"rope_type": s.Type, "factor": s.Factor}
	if s.Type != linearRope && s.Type != dynamicRope {
		scaling["original_max_position_embeddings"] = s.OriginalMaxPositions
	}
	switch s.Type {
	case llama3Rope:
		scaling["low_freq_factor"], scaling["high_freq_factor"] = s.LowFreq, s.HighFreq
	case dynamicRope:
		file["max_position_embeddings"] = s.OriginalMaxPositions
	case yarnRope:
		scaling["attention_factor"], scaling["truncate"] = s.Attention, s.Whole
		scaling["beta_fast"], scaling["beta_slow"] = s.BetaFast, s.BetaSlow
	case longRope:
		scaling["attention_factor"], scaling["short_factor"], scaling["long_factor"] = s.Attention, s.Short, s.Long
		file["max_position_embeddings"] = s.LongMaxPositions
		file["original_max_position_embeddings"] = s.OriginalMaxPositions
	}
	file["rope_scaling"] = scaling
}
