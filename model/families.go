package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// family holds what a model_type of config.json stands for, as transformers 5 reads it.
type family struct {
	classes  []string // architectures; the first is written
	arch     Arch
	defaults string // config.json's keys that a file may leave out

	biases     bool   // attention_bias adds biases to q, k, v and o
	mlpBiases  bool   // mlp_bias does to gate, up and down
	activation string // the key that names the activation; "": hidden_act
	legacyGELU bool   // "gelu" means the approximation
	noScoreCap bool   // attn_logit_softcapping has no effect
	localRope  bool   // layers with a window have a RoPE of their own
	noRope     bool   // no_rope_layers names layers without RoPE

	// slides reports whether layer l has the window of sliding_window; nil: LLaMA has none, whatever the file says.
	slides   func(f *configFile, l int) bool
	byType   bool // where layer_types is set, it counts instead
	alike    bool // which is rare, as all layers are alike otherwise
	optional bool // and all that only with use_sliding_window
	either   bool // or with layer_types
}

var qkv = [Attention]bool{QProj: true, KProj: true, VProj: true}

func everyLayer(*configFile, int) bool              { return true }
func fromMaxWindowLayers(f *configFile, l int) bool { return l >= int(f.WindowLayers) }

// everySixth is the pattern of Gemma 3: five layers with a window, then one without.
func everySixth(f *configFile, l int) bool { return f.Pattern > 0 && (l+1)%int(f.Pattern) != 0 }

func everySecond(_ *configFile, l int) bool { return l%2 == 0 }

func notRotated(f *configFile, l int) bool { return !f.rotates(l) }

// families lists the architectures by model_type.
var families = map[string]family{
	"llama": {
		classes: []string{"LlamaForCausalLM", "LLaMAForCausalLM"}, biases: true, mlpBiases: true,
	},
	"mistral": {
		classes: []string{"MistralForCausalLM", "MinistralForCausalLM"}, slides: everyLayer, byType: true, alike: true,
		defaults: `{"sliding_window": 4096, "num_key_value_heads": 8, "max_position_embeddings": 131072}`,
	},
	"qwen2": {
		classes: []string{"Qwen2ForCausalLM"}, arch: Arch{Biases: qkv},
		slides: fromMaxWindowLayers, byType: true, optional: true,
		defaults: `{"sliding_window": 4096, "max_window_layers": 28, "num_key_value_heads": 32,
			"max_position_embeddings": 32768}`,
	},
	"qwen3": {
		classes: []string{"Qwen3ForCausalLM"}, arch: Arch{QKNorm: true}, biases: true,
		slides: fromMaxWindowLayers, byType: true, optional: true,
		defaults: `{"sliding_window": 4096, "max_window_layers": 28, "num_key_value_heads": 32,
			"max_position_embeddings": 32768, "head_dim": 128}`,
	},
	"smollm3": {
		classes: []string{"SmolLM3ForCausalLM"}, biases: true, mlpBiases: true, noRope: true,
		slides: notRotated, byType: true, optional: true, either: true,
		defaults: `{"no_rope_layer_interval": 4, "rope_theta": 2e6, "tie_word_embeddings": true,
			"num_key_value_heads": 4, "max_position_embeddings": 32768}`,
	},
	"phi3": {
		classes: []string{"Phi3ForCausalLM"}, arch: Arch{Fused: true}, slides: everyLayer,
		defaults: `{"rms_norm_eps": 1e-5, "original_max_position_embeddings": 4096, "max_position_embeddings": 4096}`,
	},
	"gemma": {
		classes: []string{"GemmaForCausalLM"}, biases: true, legacyGELU: true,
		arch: Arch{NormOffset: 1, GELU: true, EmbedScale: true},
		defaults: `{"head_dim": 256, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 1,
			"num_key_value_heads": 16, "max_position_embeddings": 8192}`,
	},
	"gemma2": {
		classes: []string{"Gemma2ForCausalLM"}, biases: true, activation: "hidden_activation",
		arch:   Arch{NormOffset: 1, GELU: true, EmbedScale: true, PostNorms: true},
		slides: everySecond, byType: true,
		defaults: `{"head_dim": 256, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 1,
			"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 8192, "sliding_window": 4096,
			"query_pre_attn_scalar": 256, "attn_logit_softcapping": 50, "final_logit_softcapping": 30}`,
	},
	"gemma3_text": {
		classes: []string{"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"}, biases: true,
		activation: "hidden_activation",
		arch:       Arch{NormOffset: 1, GELU: true, EmbedScale: true, PostNorms: true, QKNorm: true},
		slides:     everySixth, byType: true, noScoreCap: true, localRope: true,
		defaults: `{"head_dim": 256, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 1,
			"num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208, "max_position_embeddings": 131072,
			"sliding_window": 4096, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256, "rope_theta": 1e6,
			"rope_local_base_freq": 1e4}`,
	},
}

// around lists the model types of a language model and an encoder of pictures: their text_config is a file of its own.
var around = map[string]string{"gemma3": "gemma3_text"}

// aliases lists model types that are written as another: Ministral is a Mistral with layer_types.
var aliases = map[string]string{"ministral": "mistral"}

// modelTypeOf names the family of a file: by model_type, else by its architectures, else llama.
func modelTypeOf(modelType string, architectures []string) (string, error) {
	names := slices.Sorted(maps.Keys(families))
	if modelType != "" {
		if _, ok := families[modelType]; !ok {
			return "", fmt.Errorf("model_type %q is not supported, want one of %s", modelType, strings.Join(names, ", "))
		}
		return modelType, nil
	}
	for _, name := range names {
		for _, class := range families[name].classes {
			if slices.Contains(architectures, class) {
				return name, nil
			}
		}
	}
	return "llama", nil
}

// checkClasses refuses architectures other than the family's: they have other heads than a language model's.
func (f family) checkClasses(architectures []string) error {
	for _, a := range architectures {
		if !slices.Contains(f.classes, a) {
			return fmt.Errorf("architecture %s is not supported, want %s", a, f.classes[0])
		}
	}
	return nil
}
