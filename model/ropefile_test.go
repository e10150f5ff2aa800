package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute/ref"
	"fettle/model"
)

// layered is a small config.json of a family with two kinds of layers, with more keys.
func layered(keys string) string {
	return `{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
		"num_key_value_heads": 2, "head_dim": 4, "vocab_size": 40, ` + keys + `}`
}

func TestScalingOfGemma3IsAddedToItsGlobalLayers(t *testing.T) {
	for name, x := range map[string]struct {
		keys          string
		global, local float64
		scaling       *model.RopeScaling
	}{
		"old": {`"rope_scaling": {"rope_type": "linear", "factor": 8}, "rope_theta": 2e6, "rope_local_base_freq": 5e3`,
			2e6, 5e3, &model.RopeScaling{Type: "linear", Factor: 8}},
		"new": {`"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 3e6},
			"sliding_attention": {"rope_type": "default", "rope_theta": 4e3}}`,
			3e6, 4e3, &model.RopeScaling{Type: "linear", Factor: 8}},
		"both: the base is still the new one's": {`"rope_scaling": {"rope_type": "linear", "factor": 8},
			"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 3e6}}`,
			3e6, 1e4, &model.RopeScaling{Type: "linear", Factor: 8}},
		"both: the keys of the old one replace those of the new one": {`"rope_scaling": {"factor": 2, "rope_theta": 6e6},
			"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 3e6}}`,
			6e6, 1e4, &model.RopeScaling{Type: "linear", Factor: 2}},
		"no windows": {`"sliding_window": null, "layer_types": ["full_attention", "full_attention", "full_attention"]`,
			1e6, 1e4, nil},
		"neither": {`"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}`, 1e6, 1e4, nil},
	} {
		c, err := model.ParseConfig([]byte(layered(`"model_type": "gemma3_text", ` + x.keys)))
		require.NoError(t, err, name)
		require.Equal(t, []float64{x.global, x.local}, []float64{c.RopeTheta, c.Arch.LocalTheta}, name)
		require.Equal(t, x.scaling, c.RopeScaling, name)
	}
}

func TestRopeThatGemma3WouldLoseIsRefused(t *testing.T) {
	for keys, want := range map[string]string{
		`"rope_scaling": {"type": "linear", "factor": 8}`: "transformers 4 scales by it, and transformers 5 does not",

		`"rope_parameters": {"rope_type": "linear", "factor": 8}`:       "have no full_attention or sliding_attention",
		`"rope_parameters": {"rope_type": "default", "rope_theta": 20}`: "have no full_attention or sliding_attention",
		`"sliding_window": null`:                                        "sliding_window is null, but layer 0 has one",
		`"rope_local_base_freq": 0`:                                     "rope_local_base_freq is 0, want a positive",
	} {
		_, err := model.ParseConfig([]byte(layered(`"model_type": "gemma3_text", ` + keys)))
		require.ErrorContains(t, err, want)
	}
}

func TestGemma3WithPicturesHasNoCapOfLogits(t *testing.T) {
	const keys = `"model_type": "gemma3_text", "final_logit_softcapping": 3.0`
	c, err := model.ParseConfig([]byte(layered(keys)))
	require.NoError(t, err)
	require.Equal(t, 3.0, c.Arch.LogitCap)
	c, err = model.ParseConfig([]byte(`{"model_type": "gemma3", "text_config": ` + layered(keys) + `}`))
	require.NoError(t, err)
	require.Zero(t, c.Arch.LogitCap)
}

// Layer 0 has a RoPE of its own, or none.
func TestLongDynamicSequencesShareNoPrefixInAnyLayer(t *testing.T) {
	tokens, labels := branches(1, 14, 6, 3)
	for _, keys := range []string{`"model_type": "gemma3_text", "sliding_window_pattern": 2`,
		`"model_type": "smollm3", "no_rope_layers": [0, 1, 1]`, `"model_type": "llama"`} {
		c, err := model.ParseConfig([]byte(layered(keys + `, "max_position_embeddings": 12,
			"rope_scaling": {"rope_type": "dynamic", "factor": 4}`)))
		require.NoError(t, err)
		m, err := model.Drawn(c, 1, 0.1, ref.New())
		require.NoError(t, err)
		_, err = m.Loss(model.PackShared(tokens, labels))
		require.ErrorContains(t, err, "sequences cannot share a prefix", keys)
	}
}

func TestTooNarrowRotationsAreRefused(t *testing.T) {
	_, err := model.Drawn(&model.Config{
		Hidden: 4, Intermediate: 4, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 4, Vocab: 4, MaxPositions: 4, NormEps: 1,
		RopeTheta: 10, Arch: model.Arch{Rotary: 1},
		RopeScaling: &model.RopeScaling{Type: "longrope", Factor: 1, Attention: 1, OriginalMaxPositions: 4},
	}, 1, 1, ref.New())
	require.ErrorContains(t, err, "RoPE rotates 1 of a head's 4 elements")
}

func TestPartsOfHeadsAreReadAsTheyAreWritten(t *testing.T) {
	for _, head := range []int{44, 46, 96, 128, 192} {
		for rotated := 2; rotated < head; rotated += 2 {
			c, err := model.ParseConfig([]byte(layered(`"model_type": "phi3"`)))
			require.NoError(t, err)
			c.HeadDim, c.Arch.Rotary = head, rotated
			text, err := c.JSON()
			require.NoError(t, err)
			got, err := model.ParseConfig(text)
			require.NoError(t, err, "%d of %d", rotated, head)
			require.Equal(t, rotated, got.Arch.Rotary)
		}
	}
}
