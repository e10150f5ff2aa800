package generate

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Settings act in the order of Hugging Face's generate; the probabilities are from docs/peers/logits_processors.py.
func TestC15SettingsActAsInTransformers(t *testing.T) {
	text, err := os.ReadFile("testdata/processors.json")
	require.NoError(t, err)
	var cases []struct {
		Settings struct {
			Temperature float64
			TopK        int     `json:"top_k"`
			TopP        float64 `json:"top_p"`
			MinP        float64 `json:"min_p"`
			Repetition  float64 `json:"repetition_penalty"`
		}
		Logits []float64
		Before []int32
		P      []float64
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	for _, c := range cases {
		or := func(v, otherwise float64) float64 {
			if v == 0 {
				return otherwise
			}
			return v
		}
		s := Sampler{Temperature: or(c.Settings.Temperature, 1), TopK: c.Settings.TopK, TopP: or(c.Settings.TopP, 1),
			MinP: c.Settings.MinP, RepetitionPenalty: or(c.Settings.Repetition, 1)}
		require.NoError(t, s.Check())
		z := append([]float64(nil), c.Logits...)
		s.penalize(z, c.Before)
		got, sum := make([]float64, len(z)), 0.0
		for _, k := range s.candidates(z) {
			got[k.token], sum = k.p, sum+k.p
		}
		for i := range got {
			got[i] /= sum
			require.False(t, math.Abs(got[i]-c.P[i]) > 1e-5, "%+v, token %d: %v, want %v", c.Settings, i, got[i], c.P[i])
		}
	}
}
