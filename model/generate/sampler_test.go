package generate_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/generate"
)

// plain sorts everything: it returns the tokens that may be sampled, most probable first, and their probabilities.
func plain(s generate.Sampler, logits []float32) (tokens []int, p []float64) {
	for i := range logits {
		tokens = append(tokens, i)
	}
	slices.SortStableFunc(tokens, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if s.TopK > 0 {
		tokens = tokens[:min(s.TopK, len(tokens))]
	}
	normalize := func() {
		p = p[:0]
		sum := 0.0
		for _, t := range tokens {
			p = append(p, math.Exp(float64(logits[t]-logits[tokens[0]])/s.Temperature))
			sum += p[len(p)-1]
		}
		for i := range p {
			p[i] /= sum
		}
	}
	normalize()
	sum := 0.0
	for i := range tokens {
		if sum += p[i]; sum >= s.TopP {
			tokens = tokens[:i+1]
			break
		}
	}
	normalize()
	for len(tokens) > 0 && p[len(tokens)-1] < s.MinP*p[0] {
		tokens = tokens[:len(tokens)-1]
	}
	normalize()
	return tokens, p
}

func TestHeapKeepsTheSameTokensAsSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, 50)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64() * 2)
	}
	logits[7], logits[31] = 9, 9 // a tie at the top
	for _, s := range []generate.Sampler{
		{Temperature: 1, TopP: 1}, {Temperature: 2.5, TopP: 1}, {Temperature: 2, TopP: 1, TopK: 7},
		{Temperature: 3, TopP: 0.8}, {Temperature: 3, TopP: 0.6, TopK: 20}, {Temperature: 2, TopP: 1, MinP: 0.05},
		{Temperature: 3, TopP: 0.9, TopK: 30, MinP: 0.2}, {Temperature: 1, TopP: 0.5}, {Temperature: 1, TopP: 1, TopK: 1},
	} {
		s.RepetitionPenalty = 1
		tokens, p := plain(s, logits)
		const n = 40000
		counts := map[int]float64{}
		for range n {
			counts[int(s.Next(logits, nil))]++
		}
		for i, token := range tokens {
			require.InDelta(t, p[i], counts[token]/n, 5*math.Sqrt(p[i]*(1-p[i])/n)+1e-9, "token %d of %+v", token, s)
			delete(counts, token)
		}
		require.Empty(t, counts, "tokens that should never come, of %+v", s)
	}
}

func TestAnyLogitsGiveAToken(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, logits := range [][]float32{{nan, nan}, {0, nan}, {nan, 0}, {inf, 0}, {-inf, -inf}, {-inf, 3}} {
		for _, s := range []generate.Sampler{
			{Temperature: 0}, {Temperature: 1}, {Temperature: 1, TopK: 1}, {Temperature: 1, TopP: 0.5}, {Temperature: 1e-9},
		} {
			s := sampler(s)
			require.Less(t, int(s.Next(logits, []int32{0, 99})), 2)
		}
	}
}

func BenchmarkSampler(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, 32000)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64() * 3)
	}
	s := sampler(generate.Sampler{Temperature: 0.7, TopP: 0.95})
	for b.Loop() {
		s.Next(logits, nil)
	}
}
