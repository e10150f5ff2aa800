// Package generate draws tokens from anything that decodes.
package generate

import (
	"fmt"
	"math"

	"fettle/internal/rng"
)

// Sampler chooses the next token. With Temperature 0 it takes the most
// probable one. Otherwise it does what Hugging Face's generate does, in its
// order: repetition penalty, temperature, top k, top p, min p, and a draw.
type Sampler struct {
	Temperature       float64
	TopK              int     // 0: all
	TopP              float64 // 1: all
	MinP              float64 // drops what is less probable than MinP times the most probable; 0: nothing
	RepetitionPenalty float64 // 1: none (Keskar et al. 2019, arXiv:1909.05858)
	Seed              uint64

	drawn uint64 // draws so far: randomness is a function of (Seed, drawn)
}

// Check says which setting makes no sense.
func (s *Sampler) Check() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 0):
		return fmt.Errorf("temperature is %v, want 0 or more", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top_k is %d, want 0 or more", s.TopK)
	case !(s.TopP > 0 && s.TopP <= 1):
		return fmt.Errorf("top_p is %v, want 0 < p ≤ 1", s.TopP)
	case !(s.MinP >= 0 && s.MinP <= 1):
		return fmt.Errorf("min_p is %v, want 0 ≤ p ≤ 1", s.MinP)
	case !(s.RepetitionPenalty > 0) || math.IsInf(s.RepetitionPenalty, 0):
		return fmt.Errorf("repetition_penalty is %v, want more than 0", s.RepetitionPenalty)
	}
	return nil
}

// Next chooses a token given its logits and the tokens before it. The logits
// are not changed.
func (s *Sampler) Next(logits []float32, before []int32) int32 {
	z := make([]float64, len(logits))
	for i, v := range logits {
		z[i] = float64(v)
	}
	if s.RepetitionPenalty != 1 {
		s.penalize(z, before)
	}
	if s.Temperature == 0 {
		return best(z)
	}
	candidates := s.candidates(z)
	if len(candidates) == 0 { // logits that are not numbers
		return best(z)
	}
	sum := 0.0
	for _, c := range candidates {
		sum += c.p
	}
	u := s.uniform() * sum
	for _, c := range candidates {
		if u -= c.p; u < 0 {
			return c.token
		}
	}
	return candidates[len(candidates)-1].token
}

// penalize makes every token that was there already less probable, once.
func (s *Sampler) penalize(z []float64, before []int32) {
	seen := map[int32]bool{}
	for _, t := range before {
		if int(t) >= len(z) || seen[t] {
			continue
		}
		seen[t] = true
		if z[t] < 0 {
			z[t] *= s.RepetitionPenalty
		} else {
			z[t] /= s.RepetitionPenalty
		}
	}
}

func best(z []float64) int32 {
	at := 0
	for i, v := range z {
		if v > z[at] {
			at = i
		}
	}
	return int32(at)
}

// candidates are the tokens that may be drawn, with weights relative to the
// most probable one's, which is 1.
func (s *Sampler) candidates(z []float64) []candidate {
	top, sum := z[best(z)], 0.0
	all := make([]candidate, len(z))
	for i, v := range z {
		all[i] = candidate{int32(i), math.Exp((v - top) / s.Temperature)}
		sum += all[i].p
	}
	if s.TopK > 0 && s.TopK < len(all) {
		all = byWeight(all, func(n int, _ float64) bool { return n == s.TopK })
		sum = 0
		for _, c := range all {
			sum += c.p
		}
	}
	if s.TopP < 1 {
		all = byWeight(all, func(_ int, reached float64) bool { return reached >= s.TopP*sum }) // the one that crosses stays
	}
	kept := all[:0]
	for _, c := range all {
		if c.p >= s.MinP {
			kept = append(kept, c)
		}
	}
	return kept
}

// uniform returns the next draw, in [0, 1): element drawn of the sequence that Seed selects.
func (s *Sampler) uniform() float64 {
	u := rng.Key(s.Seed*0xd1342543de82ef95 + 0x9e3779b97f4a7c15).Uniform(int(s.drawn))
	s.drawn++
	return u
}
