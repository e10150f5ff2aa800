package generate

import (
	"fmt"
	"math"
)

// Penalties lower the logits of tokens that the answer holds already, as OpenAI's API defines them:
//
//	z[t] -= Frequency * count[t] + Presence * (1 if count[t] > 0)
//
// where count[t] is how often t was sampled. The prompt's tokens do not count. Negative values raise the logits.
type Penalties struct{ Frequency, Presence float64 }

func (p Penalties) check() error {
	for _, s := range []struct {
		name  string
		value float64
	}{{"frequency_penalty", p.Frequency}, {"presence_penalty", p.Presence}} {
		if math.IsNaN(s.value) || math.IsInf(s.value, 0) {
			return fmt.Errorf("%s is %v, want a number", s.name, s.value)
		}
	}
	return nil
}

func (p Penalties) apply(z []float64, counts map[int32]int) {
	for token, n := range counts { // in any order: each changes another logit
		z[token] -= p.Frequency*float64(n) + p.Presence
	}
}

// Vocabulary restricts sampling to the tokens that a tokenizer has. Models have more rows where their vocabulary was
// padded, and the logits of those rows mean nothing.
type Vocabulary struct {
	Size   int     // the largest token plus 1; 0: all rows
	Absent []int32 // tokens below Size that may not be sampled
}

// rows returns how many of n logits may be sampled.
func (v Vocabulary) rows(n int) int {
	if v.Size > 0 {
		return min(n, v.Size)
	}
	return n
}

// restrict makes the absent tokens impossible.
func (v Vocabulary) restrict(z []float64) {
	for _, token := range v.Absent {
		if token >= 0 && int(token) < len(z) {
			z[token] = math.Inf(-1)
		}
	}
}
