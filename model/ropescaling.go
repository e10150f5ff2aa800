package model

import "math"

// The types of RopeScaling.
const (
	linearRope   = "linear"
	llama3Rope   = "llama3"
	dynamicRope  = "dynamic"
	yarnRope     = "yarn"
	longRope     = "longrope"
	ropeDivisors = "divisors" // that only some GGUF files can state
)

// RopeScaling extends RoPE beyond the positions of pre-training.
type RopeScaling struct {
	Type                 string // linear, llama3, dynamic, yarn, longrope, divisors
	Factor               float64
	LowFreq, HighFreq    float64 // llama3 only
	OriginalMaxPositions int     // of all but linear and divisors

	Divisors []float64 // of the inverse frequencies (Dh/2), for type divisors

	Attention          float64 // yarn, longrope: cosines and sines are multiplied by it; 0: they are not
	BetaFast, BetaSlow float64 // yarn: turns within the original positions above which, and below which
	Whole              bool    // yarn: the bounds are rounded to whole pairs

	// Divisors within the original positions and beyond, of longrope. Sequences end at the original positions here, as
	// there the cached keys of a sequence that grows would all have to be computed again; LongMaxPositions is what the
	// file allows.
	Short, Long      []float64
	LongMaxPositions int
}

// DynamicRope reports whether RoPE depends on the length of a sequence, where it is long.
func (c *Config) DynamicRope() bool { return c.RopeScaling != nil && c.RopeScaling.Type == dynamicRope }

// attention returns the factor of RoPE's cosines and sines.
func (s *RopeScaling) attention() float64 {
	if s == nil || s.Attention == 0 {
		return 1
	}
	return s.Attention
}

// frequency returns inverse frequency j before scaling.
func frequency(c *Config, j int) float64 {
	return math.Pow(c.RopeTheta, -2*float64(j)/float64(c.rotary()))
}

// scale changes inverse frequency j, f, as the scaling says:
//
//	linear    f/factor
//	llama3    f/factor where the wavelength 2π/f exceeds original/low, f below original/high, between them a mean
//	yarn      f/factor for pairs that turn less than slow times within the original positions, f for those that turn
//	          more than fast times, between them a mean that is linear in j. Peng et al. 2023, arXiv:2309.00071
//	longrope  f/short[j]. Ding et al. 2024, arXiv:2402.13753
//	divisors  f/divisors[j]
//
// Type dynamic changes nothing within the original positions: see stretched.
func (s *RopeScaling) scale(c *Config, f float64, j int) float64 {
	mean := func(keep float64) float64 { return (1-keep)*f/s.Factor + keep*f }
	switch {
	case s == nil:
	case s.Type == linearRope:
		return f / s.Factor
	case s.Type == ropeDivisors:
		return f / s.Divisors[j]
	case s.Type == longRope:
		return f / s.Short[j]
	case s.Type == yarnRope:
		low, high := s.yarnRange(c)
		return mean(1 - min(max((float64(j)-low)/(high-low), 0), 1))
	case s.Type == llama3Rope:
		cycles := float64(s.OriginalMaxPositions) * f / (2 * math.Pi) // within the original positions
		return mean(min(max((cycles-s.LowFreq)/(s.HighFreq-s.LowFreq), 0), 1))
	}
	return f
}

// yarnRange returns the pairs between which YaRN goes over from f to f/factor: those that turn fast and slow times.
func (s *RopeScaling) yarnRange(c *Config) (low, high float64) {
	d := float64(c.rotary())
	pair := func(turns float64) float64 {
		return d * math.Log(float64(s.OriginalMaxPositions)/(turns*2*math.Pi)) / (2 * math.Log(c.RopeTheta))
	}
	low, high = pair(s.BetaFast), pair(s.BetaSlow)
	if s.Whole {
		low, high = math.Floor(low), math.Ceil(high)
	}
	if low, high = max(low, 0), min(high, d-1); low == high {
		high += 0.001
	}
	return low, high
}

// stretched returns the inverse frequencies of a sequence of n tokens, more than the original ones, for type dynamic:
// those of the base θ·(factor·n/original − (factor−1))^(d/(d−2)).
func stretched(c *Config, n int) []float64 {
	s, d, long := c.RopeScaling, float64(c.rotary()), *c
	grown := s.Factor*float64(n)/float64(s.OriginalMaxPositions) - (s.Factor - 1)
	long.RopeTheta = c.RopeTheta * math.Pow(grown, d/(d-2))
	all := make([]float64, c.rotary()/2)
	for j := range all {
		all[j] = frequency(&long, j)
	}
	return all
}
