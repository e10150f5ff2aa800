package model_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/model"
)

// readConfig reads a config.json of this text.
func readConfig(t testing.TB, text []byte) (*model.Config, error) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
	return model.ReadConfig(dir)
}

func TestConfigSpellings(t *testing.T) {
	plain := model.Config{
		Type: "llama", Hidden: 64, Intermediate: 172, Layers: 5, Heads: 8, KVHeads: 8, HeadDim: 8, Vocab: 512,
		MaxPositions: 2048, NormEps: 1e-6, RopeTheta: 10000, BOS: -1,
	}
	llama3 := &model.RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: 8192}
	linear := &model.RopeScaling{Type: "linear", Factor: 2}
	type keys = map[string]any
	stretch := keys{"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
		"original_max_position_embeddings": 8192}
	with := func(a, b keys) keys { c := maps.Clone(a); maps.Copy(c, b); return c }
	for _, c := range []struct {
		name  string
		extra keys
		want  func(c *model.Config)
	}{
		{"the least there is", nil, func(c *model.Config) {}},
		{"March 2023", keys{"architectures": []string{"LLaMAForCausalLM"}, "max_sequence_length": 1024,
			"torch_dtype": "float16", "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": -1},
			func(c *model.Config) { c.MaxPositions, c.BOS, c.EOS = 1024, 0, []int32{1} }},
		{"grouped heads, wide heads, list of ends", keys{"num_key_value_heads": 2, "head_dim": 32,
			"rms_norm_eps": 1e-5, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": []int{2, 7}},
			func(c *model.Config) {
				c.KVHeads, c.HeadDim, c.NormEps, c.Tied, c.BOS, c.EOS = 2, 32, 1e-5, true, 1, []int32{2, 7}
			}},
		{"nulls",
			keys{"num_key_value_heads": nil, "head_dim": nil, "rope_scaling": nil, "eos_token_id": nil,
				"quantization_config": nil, "sliding_window": nil},
			func(c *model.Config) {}},
		{"theta of old", keys{"rope_theta": 500000.0}, func(c *model.Config) { c.RopeTheta = 500000 }},
		{"theta of new",
			keys{"rope_parameters": keys{"rope_theta": 500000.0, "rope_type": "default"}, "dtype": "bfloat16"},
			func(c *model.Config) { c.RopeTheta = 500000 }},
		{"linear of old", keys{"rope_scaling": keys{"type": "linear", "factor": 2.0}},
			func(c *model.Config) { c.RopeScaling = linear }},
		{"linear of new", keys{"rope_parameters": keys{"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6}},
			func(c *model.Config) { c.RopeScaling, c.RopeTheta = linear, 1e6 }},
		{"llama3 of old", keys{"rope_scaling": with(stretch, keys{"rope_type": "llama3"})},
			func(c *model.Config) { c.RopeScaling = llama3 }},
		{"llama3 of older", keys{"rope_scaling": with(stretch, keys{"type": "llama3"})},
			func(c *model.Config) { c.RopeScaling = llama3 }},
		{"llama3 of new", keys{"rope_parameters": with(stretch, keys{"rope_type": "llama3", "rope_theta": 500000.0})},
			func(c *model.Config) { c.RopeScaling, c.RopeTheta = llama3, 500000 }},
		{"sliding window", keys{"model_type": "mistral", "architectures": []string{"MistralForCausalLM"},
			"max_position_embeddings": 32768, "sliding_window": 4096},
			func(c *model.Config) {
				c.Type, c.MaxPositions, c.Arch.Windows = "mistral", 32768, []int{4096, 4096, 4096, 4096, 4096}
			}},
		{"a window that LLaMA does not have", keys{"max_position_embeddings": 32768, "sliding_window": 4096},
			func(c *model.Config) { c.MaxPositions = 32768 }},
		{"whole numbers with a fraction", keys{"max_position_embeddings": 4096.0, "num_key_value_heads": 4.0},
			func(c *model.Config) { c.MaxPositions, c.KVHeads = 4096, 4 }},
		{"dropout of attention", keys{"attention_dropout": 0.1}, func(c *model.Config) { c.AttentionDropout = 0.1 }},
		{"a whole rotation", keys{"partial_rotary_factor": 1.0, "rope_interleaved": false}, func(c *model.Config) {}},

		{"both spellings of RoPE, the old one empty",
			keys{"rope_scaling": keys{}, "rope_parameters": keys{"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6}},
			func(c *model.Config) { c.RopeScaling, c.RopeTheta = linear, 1e6 }},
		{"both spellings, a scaling added",
			keys{"rope_scaling": keys{"type": "linear", "factor": 2.0},
				"rope_parameters": keys{"rope_type": "default", "rope_theta": 10000.0}},
			func(c *model.Config) { c.RopeScaling = linear }},
		{"both spellings, a scaling taken away",
			keys{"rope_scaling": keys{"rope_type": "default"},
				"rope_parameters": with(stretch, keys{"rope_type": "llama3"})},
			func(c *model.Config) {}},
		{"both spellings, two bases",
			keys{"rope_scaling": keys{"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5},
				"rope_parameters": keys{"rope_type": "default", "rope_theta": 1e6}, "rope_theta": 2e6},
			func(c *model.Config) { c.RopeScaling, c.RopeTheta = linear, 5e5 }},
		{"theta inside and beside", keys{"rope_theta": 2e6, "rope_parameters": keys{"rope_theta": 1e6}},
			func(c *model.Config) { c.RopeTheta = 1e6 }},
		{"rope_type and type", keys{"rope_scaling": keys{"rope_type": "default", "type": "linear", "factor": 2.0}},
			func(c *model.Config) {}},
		{"llama3 without the original length",
			keys{"max_position_embeddings": 8192, "rope_scaling": keys{"rope_type": "llama3", "factor": 8.0,
				"low_freq_factor": 1.0, "high_freq_factor": 4.0}},
			func(c *model.Config) { c.RopeScaling, c.MaxPositions = llama3, 8192 }},
		{"the original length beside the scaling",
			keys{"original_max_position_embeddings": 8192,
				"rope_scaling": with(stretch, keys{"rope_type": "llama3", "original_max_position_embeddings": 4096})},
			func(c *model.Config) { c.RopeScaling = llama3 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := with(keys{"model_type": "llama", "hidden_size": 64, "intermediate_size": 172,
				"num_hidden_layers": 5, "num_attention_heads": 8, "vocab_size": 512}, c.extra)
			text, err := json.Marshal(file)
			require.NoError(t, err)
			got, err := readConfig(t, text)
			require.NoError(t, err)
			want := plain
			c.want(&want)
			require.Equal(t, want, *got)

			again, err := got.JSON()
			require.NoError(t, err)
			got, err = readConfig(t, again)
			require.NoError(t, err)
			require.Equal(t, want, *got, "written and read again")
		})
	}
}

func TestWrongConfigsAreRefusedWithAReason(t *testing.T) {
	for extra, want := range map[string]string{
		`"model_type": "gpt2"`:     `model_type "gpt2" is not supported, want one of gemma, gemma2, gemma3_text, llama`,
		`"hidden_act": "gelu"`:     `hidden_act "gelu" is not supported, want silu`,
		`"num_key_value_heads": 3`: "num_attention_heads 8 is not a multiple of num_key_value_heads 3",
		`"num_key_value_heads": 0`: "num_key_value_heads is 0, want 1 to 16777216",
		`"head_dim": 7`:            "head_dim 7 is odd",

		`"quantization_config": {"bits": 4}`: "already quantized",
		`"num_hidden_layers": 100000`:        "num_hidden_layers is 100000, want at most 4096",
		`"quantization": {"bits": 4}`:        "quantized by MLX",
		`"hidden_size": "big"`:               `hidden_size is "big", want a whole number`,
		`"hidden_size": 64.5`:                `hidden_size is 64.5, want a whole number`,
		`"rms_norm_eps": "1e-5"`:             "rms_norm_eps is a text, want a number",
		`"partial_rotary_factor": 0.5`:       "partial_rotary_factor is 0.5",
		`"rope_interleaved": true`:           "rope_interleaved is set",

		`"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}`: "partial_rotary_factor is 0.5",

		`"rope_scaling": {"rope_type": "linear"}`: "rope scaling linear has no factor",
		`"rope_scaling": {"factor": 2}`:           "has a factor, 2, but no rope_type",

		`"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_theta": 500000}`: "transformers would " +
			"take the first and with it rope_theta 10000, not 500000",

		`"rope_scaling": {"type": "ntk"}`: `rope scaling "ntk" is not supported, want one of linear, llama3, dynamic`,

		`"rope_scaling": {"rope_type": "llama3", "factor": 8.0}`: "rope scaling llama3 needs high_freq_factor > " +
			"low_freq_factor > 0",
	} {
		text := `{"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
			"vocab_size": 512, ` + extra + `}`
		_, err := readConfig(t, []byte(text))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "config.json")
	}
}

// Files of GGUF can have them.
func TestBiasesThatAConfigCannotSayAreNotLost(t *testing.T) {
	c, err := model.ParseConfig([]byte(`{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
		"num_attention_heads": 4, "vocab_size": 40}`))
	require.NoError(t, err)
	c.Arch.Biases[model.QProj], c.Arch.Biases[model.VProj] = true, true
	_, err = c.JSON()
	require.EqualError(t, err, "q_proj, v_proj of the model have biases, which config.json has no key for in llama")
	for p := range c.Arch.Biases {
		c.Arch.Biases[p] = true
	}
	_, err = c.JSON()
	require.NoError(t, err)
}

func FuzzReadConfig(f *testing.F) {
	f.Add([]byte(`{"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
		"vocab_size": 512, "eos_token_id": [2]}`))
	f.Add([]byte(`{"rope_parameters": {"rope_type": "llama3", "factor": 8}}`))
	f.Add([]byte(`{"eos_token_id": {}}`))
	for _, keys := range []string{
		`"model_type": "phi3", "rope_scaling": {"type": "su", "short_factor": [1, 2], "long_factor": [1, 2]}`,
		`"model_type": "gemma3", "text_config": {"sliding_window_pattern": 2, "final_logit_softcapping": 3}`,
		`"model_type": "smollm3", "no_rope_layers": [0, 1], "use_sliding_window": true, "sliding_window": 2`,
		`"model_type": "qwen3", "rope_parameters": {"rope_type": "yarn", "factor": 2}, "layer_types": ["full_attention"]`,
		`"model_type": "gemma2", "attn_logit_softcapping": null`, `"rope_scaling": {"type": "dynamic", "factor": 1.5}`,
	} {
		f.Add([]byte(`{"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "num_attention_heads": 8,
			"num_key_value_heads": 8, "head_dim": 4, "vocab_size": 512, ` + keys + `}`))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		c, err := readConfig(t, text)
		if err != nil {
			return
		}
		written, err := c.JSON()
		require.NoError(t, err)
		again, err := readConfig(t, written)
		require.NoError(t, err)
		again.Type = c.Type
		c.Nested = false // it is written alone
		require.Equal(t, c, again)
	})
}

func TestFamiliesHaveTheirClassesDefaults(t *testing.T) {
	const rest = `"hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 32,
		"vocab_size": 50`
	for _, c := range []struct {
		name, keys string
		want       func(c *model.Config) any
		is         any
	}{
		{"Mistral groups its heads", `"model_type": "mistral"`,
			func(c *model.Config) any { return c.KVHeads }, 8},
		{"null is as many as heads", `"model_type": "mistral", "num_key_value_heads": null`,
			func(c *model.Config) any { return c.KVHeads }, 32},
		{"SmolLM3 groups its heads", `"model_type": "smollm3"`,
			func(c *model.Config) any { return [2]int{c.KVHeads, c.MaxPositions} }, [2]int{4, 32768}},
		{"Gemma has sixteen", `"model_type": "gemma"`,
			func(c *model.Config) any { return [2]int{c.KVHeads, c.MaxPositions} }, [2]int{16, 8192}},
		{"Qwen2's length", `"model_type": "qwen2"`,
			func(c *model.Config) any { return [2]int{c.KVHeads, c.MaxPositions} }, [2]int{32, 32768}},
		{"a Mistral with layer_types is a Ministral", `"model_type": "mistral", "sliding_window": 5,
			"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]`,
			func(c *model.Config) any { return c.Arch.Windows }, []int{5, 0, 5}},
		{"which can say so", `"model_type": "ministral", "architectures": ["MinistralForCausalLM"], "sliding_window": 5,
			"layer_types": ["full_attention", "full_attention", "sliding_attention"]`,
			func(c *model.Config) any { return c.Arch.Windows }, []int{0, 0, 5}},
		{"SmolLM3's layer_types count alone", `"model_type": "smollm3", "sliding_window": 5, "use_sliding_window": false,
			"layer_types": ["full_attention", "full_attention", "sliding_attention"]`,
			func(c *model.Config) any { return c.Arch.Windows }, []int{0, 0, 5}},
		{"derived ones do not", `"model_type": "smollm3", "sliding_window": 5, "no_rope_layer_interval": 2`,
			func(c *model.Config) any { return c.Arch.Windows }, []int(nil)},
		{"YaRN allows the factor times the original length", `"model_type": "qwen2", "max_position_embeddings": 64,
			"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 48}`,
			func(c *model.Config) any { return [2]int{c.MaxPositions, c.RopeScaling.OriginalMaxPositions} }, [2]int{192, 48}},
		{"which a file may state itself", `"model_type": "qwen2", "max_position_embeddings": 320,
			"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}`,
			func(c *model.Config) any { return c.MaxPositions }, 320},
		{"Gemma 3 has the original length in the scaling", `"model_type": "gemma3_text", "head_dim": 4,
			"original_max_position_embeddings": 64, "max_position_embeddings": 128,
			"rope_scaling": {"rope_type": "longrope", "short_factor": [1, 2], "long_factor": [1, 2]}`,
			func(c *model.Config) any { return c.RopeScaling.OriginalMaxPositions }, 128},
	} {
		got, err := readConfig(t, []byte("{"+c.keys+", "+rest+"}"))
		require.NoError(t, err, c.name)
		require.Equal(t, c.is, c.want(got), c.name)
		text, err := got.JSON()
		require.NoError(t, err, c.name)
		again, err := readConfig(t, text)
		require.NoError(t, err, c.name)
		require.Equal(t, got, again, c.name)
	}
}
