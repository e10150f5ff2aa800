// Package generate samples tokens from a model, one after another, until a limit, an end token or a stop string.
package generate

import (
	"fmt"
	"math"

	"fettle/internal/rng"
)

// Sampler chooses the next token: the most probable one if Temperature is 0, otherwise, in the order of Hugging Face's
// generate, by repetition penalty, temperature, top k, top p, min p, and a random choice. The other penalties and the
// bias act after the repetition penalty; the vocabulary is restricted last, so that no setting makes a token that the
// tokenizer lacks.
type Sampler struct {
	Temperature       float64
	TopK              int     // 0: all
	TopP              float64 // 1: all (Holtzman et al. 2019, arXiv:1904.09751)
	MinP              float64 // least probability relative to the largest; 0: all
	RepetitionPenalty float64 // 1: none (Keskar et al. 2019, arXiv:1909.05858)
	Penalties
	Bias    map[int32]float64 // added to the logits of tokens
	Vocab   Vocabulary
	Grammar *JSON // nil: any text
	Seed    uint64

	drawn  uint64        // random numbers used so far: each is a function of (Seed, drawn)
	chosen map[int32]int // how often Next returned a token, for Penalties
}

// Check returns an error that names the first setting out of its range.
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
	return s.Penalties.check()
}

// Next chooses a token, given the logits (V) and the tokens before it. It does not change logits. The tokens that it
// returned earlier are those that Penalties count.
func (s *Sampler) Next(logits []float32, before []int32) int32 {
	z := make([]float64, s.Vocab.rows(len(logits)))
	for i := range z {
		z[i] = float64(logits[i])
	}
	if s.RepetitionPenalty != 1 {
		s.penalize(z, before)
	}
	s.Penalties.apply(z, s.chosen)
	for token, b := range s.Bias { // in any order: each changes another logit
		if token >= 0 && int(token) < len(z) {
			z[token] += b
		}
	}
	s.Vocab.restrict(z)
	if s.Grammar != nil {
		s.Grammar.restrict(z)
	}
	next := s.choose(z)
	if s.Grammar != nil {
		s.Grammar.took(next)
	}
	if s.Penalties != (Penalties{}) {
		if s.chosen == nil {
			s.chosen = map[int32]int{}
		}
		s.chosen[next]++
	}
	return next
}

// choose returns the token to take, given the final logits.
func (s *Sampler) choose(z []float64) int32 {
	if s.Temperature == 0 {
		return best(z)
	}
	candidates := s.candidates(z)
	if len(candidates) == 0 { // the logits hold NaN or infinities
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

// penalize divides the positive logits of the tokens in before by RepetitionPenalty and multiplies the negative ones.
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

// best returns the first index of the largest logit.
func best(z []float64) int32 {
	at := 0
	for i, v := range z {
		if v > z[at] {
			at = i
		}
	}
	return int32(at)
}

// candidates returns the tokens that top k, top p and min p leave, with weights exp((z - max z) / Temperature).
func (s *Sampler) candidates(z []float64) []candidate {
	top, sum := z[best(z)], 0.0
	all := make([]candidate, len(z))
	for i, v := range z {
		all[i] = candidate{int32(i), math.Exp((v - top) / s.Temperature)}
		sum += all[i].p
	}
	if s.TopK > 0 && s.TopK < len(all) {
		all = heaviest(all, func(n int, _ float64) bool { return n == s.TopK })
		sum = 0
		for _, c := range all {
			sum += c.p
		}
	}
	if s.TopP < 1 {
		// The candidate that crosses TopP stays.
		all = heaviest(all, func(_ int, reached float64) bool { return reached >= s.TopP*sum })
	}
	kept := all[:0]
	for _, c := range all {
		if c.p > 0 && c.p >= s.MinP {
			kept = append(kept, c)
		}
	}
	return kept
}

// uniform returns the next random number in [0, 1).
func (s *Sampler) uniform() float64 {
	u := rng.Key(s.Seed*0xd1342543de82ef95 + 0x9e3779b97f4a7c15).Uniform(int(s.drawn))
	s.drawn++
	return u
}
