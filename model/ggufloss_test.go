package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatAGGUFFileCannotHoldIsNamed(t *testing.T) {
	for _, c := range []struct{ reason, keys, want string }{
		{"llama.cpp has no windows for Mistral", `"model_type": "mistral", "sliding_window": 16`, "sliding_window is 16"},
		{"a window of all positions hides nothing", `"model_type": "mistral", "sliding_window": 64`, ""},
		{"llama.cpp ignores Phi-3's window", `"model_type": "phi3", "sliding_window": 16`, "sliding_window is 16"},
		{"the width of a head", `"model_type": "gemma2", "query_pre_attn_scalar": 6, "sliding_window": 16`, ""},
		{"another width", `"model_type": "gemma2", "query_pre_attn_scalar": 24`, "query_pre_attn_scalar"},
		{"gemma3", `"model_type": "gemma3_text", "query_pre_attn_scalar": 6, "sliding_window": 16`, ""},
		{"llama", `"model_type": "llama"`, ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			config, err := ParseConfig([]byte(`{"hidden_size": 72, "intermediate_size": 24, "num_hidden_layers": 2,
				"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "vocab_size": 40,
				"max_position_embeddings": 64, ` + c.keys + `}`))
			require.NoError(t, err)
			if c.want == "" {
				require.Empty(t, config.GGUFLosses())
				return
			}
			require.Len(t, config.GGUFLosses(), 1)
			require.Contains(t, config.GGUFLosses()[0], c.want)
		})
	}
}

// Gemma's scale is 1/√256 where config.json says nothing: that of other heads has to be said.
func TestTheScaleOfGemmasAttentionIsWritten(t *testing.T) {
	c, _ := familyTensors(t, `"model_type": "gemma2", "query_pre_attn_scalar": 6`, "F32")
	c.Arch.QueryWidth = 0 // as read from a GGUF file
	text, err := c.JSON()
	require.NoError(t, err)
	again, err := ParseConfig(text)
	require.NoError(t, err)
	require.Equal(t, c.scale(), again.scale())
}
