package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

// The config.json of published models, without the keys that say nothing about the architecture.
func TestPublishedConfigsAreUnderstood(t *testing.T) {
	windows := func(layers, window int, slides func(l int) bool) []int {
		all := make([]int, layers)
		for l := range all {
			if slides(l) {
				all[l] = window
			}
		}
		return all
	}
	for _, c := range []struct {
		name, text string
		parameters int // as their cards count, or the sizes of their files
		check      func(t *testing.T, c *model.Config)
	}{
		{"Qwen2.5-0.5B", `{"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
			"eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864,
			"max_position_embeddings": 32768, "max_window_layers": 24, "model_type": "qwen2", "num_attention_heads": 14,
			"num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
			"sliding_window": 32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
			"use_sliding_window": false, "vocab_size": 151936}`, 494032768, func(t *testing.T, c *model.Config) {
			require.Nil(t, c.Arch.Windows)
			require.True(t, c.Arch.Biases[model.QProj] && c.Arch.Biases[model.VProj] && !c.Arch.Biases[model.OProj])
		}},
		{"Qwen3-0.6B", `{"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "head_dim": 128,
			"hidden_act": "silu", "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 40960,
			"max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28,
			"num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000,
			"sliding_window": null, "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936}`,
			596049920, func(t *testing.T, c *model.Config) { require.True(t, c.Arch.QKNorm) }},
		{"Mistral-7B-v0.1", `{"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
			"hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
			"model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
			"rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false,
			"vocab_size": 32000}`, 7241732096, func(t *testing.T, c *model.Config) {
			require.Equal(t, windows(32, 4096, func(int) bool { return true }), c.Arch.Windows)
			require.Equal(t, 32768, c.MaxPositions)
		}},
		{"Mistral-7B-v0.3", `{"architectures": ["MistralForCausalLM"], "hidden_act": "silu", "hidden_size": 4096,
			"intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
			"num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
			"rope_theta": 1000000.0, "sliding_window": null, "tie_word_embeddings": false, "vocab_size": 32768}`,
			7248023552, func(t *testing.T, c *model.Config) { require.Nil(t, c.Arch.Windows) }},
		{"Phi-3-mini-4k-instruct", `{"architectures": ["Phi3ForCausalLM"], "attention_bias": false, "bos_token_id": 1,
			"embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072,
			"intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": 32,
			"num_hidden_layers": 32, "num_key_value_heads": 32, "original_max_position_embeddings": 4096,
			"pad_token_id": 32000, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0,
			"sliding_window": 2047, "tie_word_embeddings": false, "vocab_size": 32064}`, 3821079552,
			func(t *testing.T, c *model.Config) {
				require.Equal(t, windows(32, 2047, func(int) bool { return true }), c.Arch.Windows)
			}},
		{"gemma-2-2b", `{"architectures": ["Gemma2ForCausalLM"], "attention_bias": false,
			"attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": 1,
			"final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
			"hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "intermediate_size": 9216,
			"max_position_embeddings": 8192, "model_type": "gemma2", "num_attention_heads": 8,
			"num_hidden_layers": 26, "num_key_value_heads": 4, "pad_token_id": 0, "query_pre_attn_scalar": 256,
			"rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 256000}`, 2614341888,
			func(t *testing.T, c *model.Config) {
				require.Equal(t, windows(26, 4096, func(l int) bool { return l%2 == 0 }), c.Arch.Windows)
				require.Equal(t, []float64{50, 30, 256}, []float64{c.Arch.ScoreCap, c.Arch.LogitCap, c.Arch.QueryWidth})
			}},
		{"gemma-3-1b-pt", `{"architectures": ["Gemma3ForCausalLM"], "attention_bias": false,
			"attn_logit_softcapping": null, "bos_token_id": 2, "eos_token_id": 1, "final_logit_softcapping": null,
			"head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "intermediate_size": 6912,
			"max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4,
			"num_hidden_layers": 26, "num_key_value_heads": 1, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
			"rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512,
			"sliding_window_pattern": 6, "vocab_size": 262144}`, 999885952, func(t *testing.T, c *model.Config) {
			require.Equal(t, windows(26, 512, func(l int) bool { return (l+1)%6 != 0 }), c.Arch.Windows)
			require.Equal(t, model.LocalRope, c.Rotation(0))
			require.Equal(t, model.GlobalRope, c.Rotation(5))
			require.Equal(t, []float64{1e4, 1e6}, []float64{c.Arch.LocalTheta, c.RopeTheta})
		}},
		{"gemma-3-4b-pt", `{"architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": [1, 106],
			"model_type": "gemma3", "text_config": {"hidden_size": 2560, "intermediate_size": 10240,
			"model_type": "gemma3_text", "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0,
			"rope_type": "linear"}, "sliding_window": 1024}, "vision_config": {"hidden_size": 1152}}`, 3880263168,
			func(t *testing.T, c *model.Config) {
				require.Equal(t, []int{8, 4, 256, 131072}, []int{c.Heads, c.KVHeads, c.HeadDim, c.MaxPositions})
				require.Equal(t, []int32{1, 106}, c.EOS)
				require.True(t, c.Nested)
			}},
		{"SmolLM2-135M", `{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "hidden_act": "silu",
			"hidden_size": 576, "intermediate_size": 1536, "is_llama_config": true, "max_position_embeddings": 8192,
			"mlp_bias": false, "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
			"num_key_value_heads": 3, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_theta": 100000,
			"tie_word_embeddings": true, "vocab_size": 49152}`, 134515008, nil},
		{"SmolLM3-3B", `{"architectures": ["SmolLM3ForCausalLM"], "hidden_act": "silu", "hidden_size": 2048,
			"intermediate_size": 11008, "max_position_embeddings": 65536, "max_window_layers": 28,
			"model_type": "smollm3", "no_rope_layer_interval": 4, "num_attention_heads": 16, "num_hidden_layers": 36,
			"num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_theta": 5000000.0, "sliding_window": null,
			"use_sliding_window": false, "vocab_size": 128256}`, 3075098624, func(t *testing.T, c *model.Config) {
			require.Equal(t, model.NoRope, c.Rotation(3))
			require.Equal(t, model.GlobalRope, c.Rotation(4))
		}},
		{"TinyLlama-1.1B", `{"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 2048,
			"intermediate_size": 5632, "max_position_embeddings": 2048, "model_type": "llama",
			"num_attention_heads": 32, "num_hidden_layers": 22, "num_key_value_heads": 4, "rms_norm_eps": 1e-05,
			"rope_scaling": null, "tie_word_embeddings": false, "vocab_size": 32000}`, 1100048384, nil},
		{"Yi-6B", `{"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 4096,
			"intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "llama",
			"num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 4, "rms_norm_eps": 1e-05,
			"rope_theta": 5000000.0, "tie_word_embeddings": false, "vocab_size": 64000}`, 6061035520, nil},
		{"Llama-3.2-1B", `{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "head_dim": 64,
			"hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072,
			"mlp_bias": false, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16,
			"num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0,
			"high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
			"rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256}`,
			1235814400, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := model.ParseConfig([]byte(c.text))
			require.NoError(t, err)
			require.Equal(t, c.parameters, got.Parameters())
			if c.check != nil {
				c.check(t, got)
			}
			text, err := got.JSON()
			require.NoError(t, err)
			again, err := model.ParseConfig(text)
			require.NoError(t, err)
			got.Nested = false // it is written alone
			require.Equal(t, got, again)
		})
	}
}

func TestOtherArchitecturesAreRefusedByName(t *testing.T) {
	for text, want := range map[string]string{
		`"model_type": "gpt_neox"`: `model_type "gpt_neox" is not supported, want one of gemma, gemma2, gemma3_text, ` +
			"llama, mistral, phi3, qwen2, qwen3, smollm3",
		`"model_type": "qwen2", "architectures": ["Qwen2ForSequenceClassification"]`: "architecture " +
			"Qwen2ForSequenceClassification is not supported, want Qwen2ForCausalLM",
		`"model_type": "gemma2", "hidden_activation": "relu"`: `hidden_activation "relu" is not supported, want ` +
			"gelu_pytorch_tanh",
		`"model_type": "gemma3_text", "use_bidirectional_attention": true`: "use_bidirectional_attention is set",
		`"model_type": "qwen3", "use_sliding_window": true, "layer_types": ["full_attention"]`: "layer_types has 1 " +
			"entries, want 2",
		`"model_type": "qwen3", "use_sliding_window": true, "layer_types": ["full_attention", "linear_attention"]`: "" +
			`layer_types has "linear_attention" for layer 1, want sliding_attention or full_attention`,
		`"model_type": "mistral", "sliding_window": 0`: "sliding_window is 0, want 1 or more",
		`"model_type": "phi3", "rope_scaling": {"type": "su", "short_factor": [1], "long_factor": []}`: "longrope has " +
			"1 short and 0 long factors, want 4 positive ones of each",
		`"model_type": "phi3", "rope_scaling": {"type": "linear", "factor": 2}`: `rope scaling "linear" is not ` +
			"supported for phi3",
		`"model_type": "phi3", "partial_rotary_factor": 0.01`:                       "want more than 0 and at most 1",
		`"model_type": "smollm3", "no_rope_layers": [1]`:                            "no_rope_layers has 1 entries, want 2",
		`"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 0.5}`: "dynamic needs a factor of 1 or more",
	} {
		_, err := model.ParseConfig([]byte(`{"hidden_size": 64, "intermediate_size": 100, "num_hidden_layers": 2,
			"num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 8, "vocab_size": 512, ` + text + `}`))
		require.ErrorContains(t, err, want)
	}
}
