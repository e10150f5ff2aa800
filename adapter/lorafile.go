package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fettle/model"
)

// LoRAFile holds what PEFT's adapter_config.json can say and a run's own settings cannot.
type LoRAFile struct {
	Stored        bool            // read from a file: a target may match nothing, as long as another one does
	TargetRegexp  string          // instead of Targets: a regular expression for whole module paths
	Parameters    []string        // weights that get a LoRA, as endings of their paths or whole
	Exclude       []string        // modules that get none
	ExcludeRegexp string          // instead of Exclude
	OnlyLayers    []int           // nil: all
	LayersPattern []string        // what stands before a layer's number: nil: anything
	RankPattern   Object[int]     // other ranks for modules that match
	AlphaPattern  Object[float64] // and other alphas
	Bias          bool            // B has a bias
	Replication   [][2]int        // ranges of the base's layers that make up the model; nil: each of them once
}

// unsupported lists the settings of LoraConfig that change what is computed in a way this package does not.
var unsupported = []struct{ key, why string }{
	{"use_dora", "DoRA is not computed here: " + merged},
	{"use_qalora", "LoRA of pooled inputs (QA-LoRA) is not computed here"},
	{"use_bdlora", "LoRA of block-diagonal matrices is not computed here: " + merged},
	{"kasa_config", "KaSA truncates the base's weights: " + merged},
	{"velora_config", "VeLoRA is not computed here: " + merged},
	{"monteclora_config", "MonteCLoRA is not computed here: " + merged},
	{"alora_invocation_tokens", "activated LoRA adapts the tokens from its invocation on, which is not computed here"},
	{"arrow_config", "the adapter chooses among others (Arrow), which is not computed here"},
	{"enable_lora", "merged q, k and v projections are not those of a LLaMA"},
}

// inert lists the settings of LoraConfig, or of its predecessors and derivatives, that have no effect on what a LoRA on
// a LLaMA computes: those of the initial values, of Megatron, of the memory's layout.
var inert = []string{
	"fan_in_fan_out", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "megatron_config", "megatron_core",
	"qalora_group_size", "merge_weights", "lora_dtype", "lorap_lr_ratio",
}

func (LoRA) peftTypes() []string { return []string{"LORA"} }

// decode refuses, by name, settings that would change what is computed. Missing keys take PEFT's defaults.
func (LoRA) decode(keys *configKeys) (Method, error) {
	l := LoRA{Rank: 8, Alpha: 8, LoRAFile: LoRAFile{Stored: true}}
	keys.pass(inert...)
	for _, no := range unsupported {
		keys.refuse(no.key, no.why)
	}
	keys.number("r", &l.Rank)
	keys.number("lora_alpha", &l.Alpha)
	keys.get("lora_dropout", &l.Dropout)
	keys.get("use_rslora", &l.RSLoRA)
	keys.get("rank_pattern", &l.RankPattern)
	keys.get("alpha_pattern", &l.AlphaPattern)
	keys.get("lora_bias", &l.Bias)
	keys.get("layer_replication", &l.Replication)
	l.decodeTargets(keys)
	l.Saved.decode(keys)
	decodeInit(keys)
	bias := "none"
	keys.get("bias", &bias) // of the base's modules; trained ones are tensors without a place here
	if keys.err == nil && !slices.Contains([]string{"none", "all", "lora_only"}, bias) {
		keys.err = fmt.Errorf("bias is %q, want none, all or lora_only", bias)
	}
	return l, keys.err
}

// decodeTargets reads the keys that select modules, and those that PEFT refuses together.
func (l *LoRA) decodeTargets(keys *configKeys) {
	l.Targets, l.TargetRegexp = keys.names("target_modules")
	l.Exclude, l.ExcludeRegexp = keys.names("exclude_modules")
	keys.get("target_parameters", &l.Parameters)
	for i, name := range l.Targets {
		l.Targets[i] = strings.TrimPrefix(name, peftPrefix)
	}
	slices.Sort(l.Targets)
	l.Targets = slices.Compact(l.Targets)

	pattern, one := keys.names("layers_pattern")
	if one != "" {
		pattern = []string{one}
	}
	layers, _ := keys.all.Get("layers_to_transform")
	if len(layers) > 0 && layers[0] != '[' {
		l.OnlyLayers = []int{0}
		if !keys.get("layers_to_transform", &l.OnlyLayers[0]) {
			l.OnlyLayers = nil
		}
	} else if keys.get("layers_to_transform", &l.OnlyLayers); len(l.OnlyLayers) == 0 {
		l.OnlyLayers = nil
	}
	if l.OnlyLayers != nil && len(pattern) > 0 {
		l.LayersPattern = pattern
	}

	if text, _ := keys.all.Get("target_modules"); len(text) == 0 || string(text) == "null" {
		l.Targets = []string{model.QProj.String(), model.VProj.String()} // PEFT's default for LLaMA
	}
	switch {
	case keys.err != nil:
	case keys.isText("target_modules") && l.OnlyLayers != nil:
		keys.err = fmt.Errorf("layers_to_transform is set and target_modules is text, which PEFT refuses: " +
			"name the modules in a list")
	case l.TargetRegexp == allLinear:
		l.Targets, l.TargetRegexp = slices.Sorted(slices.Values(projections())), ""
	case len(l.Targets) == 0 && l.TargetRegexp == "" && len(l.Parameters) == 0:
		keys.err = fmt.Errorf("target_modules is empty")
	}
	switch {
	case keys.err != nil || len(l.Parameters) == 0:
	case l.Dropout != 0:
		keys.err = fmt.Errorf("target_parameters is set and lora_dropout is %v, which PEFT refuses", l.Dropout)
	case l.Bias:
		keys.err = fmt.Errorf("target_parameters and lora_bias are set, which PEFT refuses")
	}
}

// decodeInit refuses the initial values with which PEFT changes the base's weights. Others are gone after the first
// step.
func decodeInit(keys *configKeys) {
	text, set := keys.all.Get("init_lora_weights")
	keys.pass("init_lora_weights")
	if keys.err != nil || !set || text[0] != '"' {
		return
	}
	var name string
	keys.get("init_lora_weights", &name)
	switch kind := strings.ToLower(name); {
	case strings.HasPrefix(kind, "pissa"), strings.HasPrefix(kind, "corda"), kind == "olora", kind == "lora_ga":
		keys.err = fmt.Errorf("init_lora_weights %q changes the base's weights: save the adapter again in PEFT, with "+
			"save_pretrained(…, path_initial_model_for_weight_conversion=…), which makes it a plain LoRA for the base", name)
	case kind == "loftq":
		keys.err = fmt.Errorf("init_lora_weights %q changes the base's weights: %s", name, merged)
	case !slices.Contains([]string{"gaussian", "eva", "orthogonal", "mica", "default", "true", "false"}, kind):
		keys.err = fmt.Errorf("init_lora_weights %q is unknown and may change the base's weights", name)
	}
}

// encode writes the keys of LoraConfig.
func (l LoRA) encode() map[string]any {
	var targets any = slices.Sorted(slices.Values(l.targets()))
	if l.TargetRegexp != "" {
		targets = l.TargetRegexp
	} else if len(l.Targets) == 0 {
		targets = []string{}
	}
	var alphas Object[json.RawMessage]
	for _, m := range l.AlphaPattern {
		alphas = append(alphas, Member[json.RawMessage]{m.Key, number(m.Value, false)})
	}
	keys := map[string]any{
		"peft_type": "LORA", "r": l.Rank, "lora_alpha": number(l.Alpha, false), "lora_dropout": number(l.Dropout, true),
		"use_rslora": l.RSLoRA, "use_dora": false, "target_modules": targets, "layers_to_transform": orNull(l.OnlyLayers),
		"layers_pattern": orNull(l.LayersPattern), "rank_pattern": l.RankPattern, "alpha_pattern": alphas, "bias": "none",
		"fan_in_fan_out": false, "init_lora_weights": true,
	}
	maps.Copy(keys, l.Saved.encode())
	// Keys that PEFT did not always have stand in files that need them.
	if len(l.Exclude) > 0 {
		keys["exclude_modules"] = l.Exclude
	} else if l.ExcludeRegexp != "" {
		keys["exclude_modules"] = l.ExcludeRegexp
	}
	if len(l.Parameters) > 0 {
		keys["target_parameters"] = l.Parameters
	}
	if l.Bias {
		keys["lora_bias"] = true
	}
	if len(l.Replication) > 0 {
		keys["layer_replication"] = l.Replication
	}
	return keys
}

// orNull returns a list, or nil, which JSON writes as null, for none.
func orNull[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// number writes a float the way Python does: 16 for a whole number where some
// readers want an integer, 0.0 where fraction is set.
func number(v float64, fraction bool) json.RawMessage {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if fraction && !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return json.RawMessage(s)
}
