package generate_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/generate"
)

func sampler(s generate.Sampler) *generate.Sampler {
	if s.TopP == 0 {
		s.TopP = 1
	}
	if s.RepetitionPenalty == 0 {
		s.RepetitionPenalty = 1
	}
	return &s
}

// shares returns the relative frequency of each of four tokens among many samples.
func shares(s *generate.Sampler, before ...int32) []float64 {
	const n = 20000
	out := make([]float64, 4)
	for range n {
		out[s.Next([]float32{2, 1, 0, -1}, before)] += 1.0 / n
	}
	return out
}

func softmax(z ...float64) []float64 {
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(v)
	}
	for i, v := range z {
		z[i] = math.Exp(v) / sum
	}
	return z
}

func TestDraws(t *testing.T) {
	inf := math.Inf(-1)
	for _, c := range []struct {
		name   string
		s      generate.Sampler
		before []int32
		want   []float64
	}{
		{"greedy", generate.Sampler{}, nil, []float64{1, 0, 0, 0}},
		{"temperature 1", generate.Sampler{Temperature: 1}, nil, softmax(2, 1, 0, -1)},
		{"temperature 2", generate.Sampler{Temperature: 2}, nil, softmax(1, 0.5, 0, -0.5)},
		{"top k", generate.Sampler{Temperature: 1, TopK: 2}, nil, softmax(2, 1, inf, inf)},
		{"top p keeps the one that crosses", generate.Sampler{Temperature: 1, TopP: 0.7}, nil, softmax(2, 1, inf, inf)},
		{"top p below the first", generate.Sampler{Temperature: 1, TopP: 0.1}, nil, []float64{1, 0, 0, 0}},
		{"top p after top k", generate.Sampler{Temperature: 1, TopK: 2, TopP: 0.7}, nil, []float64{1, 0, 0, 0}},
		{"repetition", generate.Sampler{Temperature: 1, RepetitionPenalty: 2}, []int32{0, 3, 3, 0}, softmax(1, 1, 0, -2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.InDeltaSlice(t, c.want, shares(sampler(c.s), c.before...), 0.015)
		})
	}
	seeded := func() *generate.Sampler { return sampler(generate.Sampler{Temperature: 1, Seed: 3}) }
	require.Equal(t, shares(seeded()), shares(seeded()))
	require.ErrorContains(t, sampler(generate.Sampler{Temperature: -1}).Check(), "temperature is -1")
	require.ErrorContains(t, sampler(generate.Sampler{TopP: 2}).Check(), "top_p is 2")
}

// counter predicts the token after the last one.
type counter struct{ seen []int32 }

func (c *counter) Decode(tokens []int32) ([]float32, error) {
	c.seen = append(c.seen, tokens...)
	logits := make([]float32, 10)
	last := c.seen[len(c.seen)-1]
	if last == 8 {
		return nil, errors.New("broken")
	}
	logits[last+1] = 5
	return logits, nil
}

func TestTokensEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      generate.Options
		want   []int32
		reason string
		err    bool
	}{
		{"at a limit", generate.Options{MaxNewTokens: 3}, []int32{2, 3, 4}, generate.MaxTokens, false},
		{"at end of text", generate.Options{MaxNewTokens: 9, EOS: []int32{7, 5}},
			[]int32{2, 3, 4}, generate.EndOfText, false},
		{"with the context", generate.Options{MaxNewTokens: 9, Room: 4}, []int32{2, 3}, generate.ContextFull, false},
		{"with an error", generate.Options{MaxNewTokens: 9}, []int32{2, 3, 4, 5, 6, 7, 8}, "", true},
		{"at once", generate.Options{}, nil, generate.MaxTokens, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int32
			tokens, reason := generate.Tokens(context.Background(), &counter{}, sampler(generate.Sampler{}), []int32{0, 1}, c.o)
			failed := false
			for token, err := range tokens {
				if failed = err != nil; failed {
					break
				}
				got = append(got, token)
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.err, failed)
			if !c.err {
				require.Equal(t, c.reason, *reason)
			}
		})
	}
}
