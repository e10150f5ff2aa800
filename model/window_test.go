package model_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

func TestWindowsHoldAcrossPartsOfAPromptAndBehindTruncation(t *testing.T) {
	c, err := model.ParseConfig([]byte(layered(`"model_type": "gemma2", "num_hidden_layers": 2, "sliding_window": 300,
		"max_position_embeddings": 2048`)))
	require.NoError(t, err)
	ids, rng := make([]int32, 1100), rand.New(rand.NewPCG(3, 3))
	for i := range ids {
		ids[i] = int32(rng.IntN(c.Vocab))
	}
	for name, dev := range devices(t) {
		if name == "ref" {
			continue // slow, and equal to the others in shorter sequences
		}
		m, err := model.Drawn(c, 1, 0.3, dev)
		require.NoError(t, err)
		want, err := m.Logits(model.Pack([][]int32{ids}, nil), []int{len(ids) - 1})
		require.NoError(t, err)
		s := m.NewSession(0)
		got, err := s.Decode(ids)
		require.NoError(t, err)
		require.Equal(t, bits(want), bits(got), name)
		for _, kept := range []int{1099, 700, 511, 200, 0} {
			s.Truncate(kept)
			got, err := s.Decode(ids[kept:])
			require.NoError(t, err)
			require.Equal(t, bits(want), bits(got), "%s: truncated to %d", name, kept)
		}
	}
}

func TestFingerprintsDifferWithTheWindow(t *testing.T) {
	of := func(keys string) string {
		c, err := model.ParseConfig([]byte(layered(keys)))
		require.NoError(t, err)
		m, err := model.Drawn(c, 1, 0.1, devices(t)["ref"])
		require.NoError(t, err)
		return m.Fingerprint()
	}
	const mistral = `"model_type": "mistral", "max_position_embeddings": 2048, "sliding_window": `
	require.Equal(t, of(mistral+"null"), of(`"model_type": "llama", "max_position_embeddings": 2048`))
	require.NotEqual(t, of(mistral+"4"), of(mistral+"5"))
	require.NotEqual(t, of(mistral+"4"), of(mistral+"null"))
}
