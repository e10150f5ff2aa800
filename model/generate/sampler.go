// Package generate draws tokens from anything that decodes.
package generate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Sampler chooses the next token. With Temperature 0 it takes the most
// probable one. Otherwise it does what Hugging Face's generate does, in its
// order: repetition penalty, temperature, top k, top p, and a draw.
type Sampler struct {
	Temperature       float64
	TopK              int     // 0: all
	TopP              float64 // 1: all
	RepetitionPenalty float64 // 1: none (Keskar et al. 2019, arXiv:1909.05858)
	Seed              uint64

	drawn uint64 // draws so far: randomness is a function of (Seed, drawn)
}

// Check says which setting makes no sense.
func (s *Sampler) Check() error {
	switch {
	case !(s.Temperature >= 0):
		return fmt.Errorf("temperature is %v, want 0 or more", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top_k is %d, want 0 or more", s.TopK)
	case !(s.TopP > 0 && s.TopP <= 1):
		return fmt.Errorf("top_p is %v, want 0 < p ≤ 1", s.TopP)
	case !(s.RepetitionPenalty > 0):
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
		seen := map[int32]bool{}
		for _, t := range before {
			if int(t) < len(z) && !seen[t] {
				seen[t] = true
				if z[t] < 0 {
					z[t] *= s.RepetitionPenalty
				} else {
					z[t] /= s.RepetitionPenalty
				}
			}
		}
	}
	if s.Temperature == 0 {
		return best(z)
	}
	candidates := s.candidates(z)
	u := s.uniform()
	for _, c := range candidates {
		if u -= c.p; u < 0 {
			return c.token
		}
	}
	return candidates[len(candidates)-1].token
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

type candidate struct {
	token int32
	p     float64
}

// candidates are the tokens that may be drawn, most probable first, their
// probabilities summing to 1.
func (s *Sampler) candidates(z []float64) []candidate {
	top, sum := z[best(z)], 0.0
	all := make([]candidate, len(z))
	for i, v := range z {
		all[i] = candidate{int32(i), math.Exp((v - top) / s.Temperature)}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.p, a.p) })
	if s.TopK > 0 {
		all = all[:min(s.TopK, len(all))]
	}
	for _, c := range all {
		sum += c.p
	}
	reached := 0.0
	for i, c := range all {
		if reached += c.p / sum; reached >= s.TopP { // the one that crosses stays
			all = all[:i+1]
			break
		}
	}
	sum = 0
	for _, c := range all {
		sum += c.p
	}
	for i := range all {
		all[i].p /= sum
	}
	return all
}

// uniform is in [0, 1): the finaliser of SplitMix64 over seed and draw.
func (s *Sampler) uniform() float64 {
	x := s.Seed*0xd1342543de82ef95 + s.drawn*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
	s.drawn++
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) * 0x1p-53
}
