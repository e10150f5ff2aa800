package generate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/generate"
)

func TestPenaltiesCountSampledTokens(t *testing.T) {
	for _, c := range []struct {
		name string
		p    generate.Penalties
		want []int32
	}{
		{"none", generate.Penalties{}, []int32{0, 0, 0, 0}},
		{"presence: once is enough", generate.Penalties{Presence: 1.5}, []int32{0, 1, 0, 0}},
		{"frequency: every time", generate.Penalties{Frequency: 0.6}, []int32{0, 0, 1, 0}},
		{"both", generate.Penalties{Frequency: 0.6, Presence: 0.6}, []int32{0, 1, 0, 2}},
		{"negative", generate.Penalties{Presence: -1}, []int32{0, 0, 0, 0}},
	} {
		s := sampler(generate.Sampler{Penalties: c.p})
		var got []int32
		for range c.want {
			// The prompt holds token 0 often: it does not count.
			got = append(got, s.Next([]float32{2, 1, 0.5, -1}, []int32{0, 0, 0, 0}))
		}
		require.Equal(t, c.want, got, c.name)
	}
}

func TestBiasIsAddedToLogits(t *testing.T) {
	biased := func(bias map[int32]float64) *generate.Sampler {
		return sampler(generate.Sampler{Temperature: 1, Bias: bias})
	}
	require.InDeltaSlice(t, softmax(2, 2, 0, -1), shares(biased(map[int32]float64{1: 1})), 0.015)
	require.InDeltaSlice(t, softmax(-98, 1, 0, -1), shares(biased(map[int32]float64{0: -100, 9: 100})), 0.015)
	greedy := sampler(generate.Sampler{Bias: map[int32]float64{3: 100}})
	require.EqualValues(t, 3, greedy.Next([]float32{2, 1, 0, -1}, nil))
}

// The rows of a padded vocabulary have the largest logits here.
func TestTokensOutsideTheVocabularyAreNeverSampled(t *testing.T) {
	logits := []float32{1, 9, 0, -1, 9, 9, 9}
	for _, c := range []struct {
		name string
		s    generate.Sampler
	}{
		{"greedy", generate.Sampler{}},
		{"sampled", generate.Sampler{Temperature: 2}},
		{"top k", generate.Sampler{Temperature: 2, TopK: 3}},
		{"top k above what is left", generate.Sampler{Temperature: 2, TopK: 6}},
		{"top p", generate.Sampler{Temperature: 2, TopP: 0.9}},
		{"min p", generate.Sampler{Temperature: 2, MinP: 0.1}},
		{"a bias", generate.Sampler{Temperature: 2, Bias: map[int32]float64{1: 100, 5: 100}}},
		{"a penalty of what was there", generate.Sampler{Temperature: 2, RepetitionPenalty: 0.5}},
	} {
		s := sampler(c.s)
		s.Vocab = generate.Vocabulary{Size: 4, Absent: []int32{-1, 1, 9}}
		for range 300 {
			require.Contains(t, []int32{0, 2, 3}, s.Next(logits, []int32{1, 5}), c.name)
		}
	}
}
