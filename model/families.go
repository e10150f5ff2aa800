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

	// slides reports whether layer l has the window of sliding_window; nil: LLaMA has none, whatever the file says.
	slides   func(f *configFile, l int) bool
	byType   bool // where layer_types is set, it counts instead
	optional bool // and all that only with use_sliding_window
}

var qkv = [Attention]bool{QProj: true, KProj: true, VProj: true}

func everyLayer(*configFile, int) bool              { return true }
func fromMaxWindowLayers(f *configFile, l int) bool { return l >= int(f.WindowLayers) }

// families lists the architectures by model_type.
var families = map[string]family{
	"llama": {
		classes: []string{"LlamaForCausalLM", "LLaMAForCausalLM"}, biases: true, mlpBiases: true,
	},
	"mistral": {
		classes: []string{"MistralForCausalLM"}, slides: everyLayer,
		defaults: `{"sliding_window": 4096}`,
	},
	"qwen3": {
		classes: []string{"Qwen3ForCausalLM"}, arch: Arch{QKNorm: true}, biases: true,
		slides: fromMaxWindowLayers, byType: true, optional: true,
		defaults: `{"sliding_window": 4096, "max_window_layers": 28, "head_dim": 128}`,
	},
	"qwen2": {
		classes: []string{"Qwen2ForCausalLM"}, arch: Arch{Biases: qkv},
		slides: fromMaxWindowLayers, byType: true, optional: true,
		defaults: `{"sliding_window": 4096, "max_window_layers": 28}`,
	},
}

// Families lists the supported values of model_type.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// FamilyArch returns the Arch that a family has before its config.json sets windows and the like.
func FamilyArch(modelType string) (Arch, error) {
	if f, ok := families[modelType]; ok {
		return f.arch, nil
	}
	return Arch{}, fmt.Errorf("model_type %q is not supported, want one of %s", modelType,
		strings.Join(Families(), ", "))
}

// modelTypeOf names the family of a file: by model_type, else by its architectures, else llama.
func modelTypeOf(modelType string, architectures []string) (string, error) {
	if modelType != "" {
		_, err := FamilyArch(modelType)
		return modelType, err
	}
	for _, name := range Families() {
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
