package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// peftFile is adapter_config.json, as any version of PEFT writes it, and what
// we add to it for gates that PEFT does not know.
type peftFile struct {
	PeftType  string  `json:"peft_type"`
	BaseModel *string `json:"base_model_name_or_path"`

	R              int                `json:"r"`
	Alpha          float64            `json:"lora_alpha"`
	Dropout        float64            `json:"lora_dropout"`
	RSLoRA         bool               `json:"use_rslora"`
	DoRA           bool               `json:"use_dora"`
	QALoRA         bool               `json:"use_qalora"`
	Bias           string             `json:"bias"`
	LoRABias       bool               `json:"lora_bias"`
	FanInFanOut    bool               `json:"fan_in_fan_out"`
	Targets        any                `json:"target_modules"`
	Exclude        any                `json:"exclude_modules"`
	OnlyLayers     any                `json:"layers_to_transform"`
	RankPattern    map[string]int     `json:"rank_pattern"`
	AlphaPattern   map[string]float64 `json:"alpha_pattern"`
	Init           any                `json:"init_lora_weights"`
	ModulesToSave  []string           `json:"modules_to_save"`
	TokenIndices   any                `json:"trainable_token_indices"`
	Parameters     any                `json:"target_parameters"`
	Replication    any                `json:"layer_replication"`
	ALoRA          any                `json:"alora_invocation_tokens"`
	Arrow          any                `json:"arrow_config"`
	Len            int                `json:"adapter_len"`
	Layers         int                `json:"adapter_layers"`
	Gate           string             `json:"gate"`
	GateActivation string             `json:"gate_activation"`
}

// parseConfig reads adapter_config.json. What would change the mathematics and
// is not supported is refused by name.
func parseConfig(text []byte) (Config, error) {
	var f peftFile
	if err := json.Unmarshal(text, &f); err != nil {
		return Config{}, err
	}
	c := Config{}
	if f.BaseModel != nil {
		c.BaseModel = *f.BaseModel
	}
	switch f.PeftType {
	case "LORA":
		return f.lora(c)
	case "ADAPTION_PROMPT":
		c.Type, c.Len, c.Layers, c.Gate, c.GateActivation = LLaMAAdapter, f.Len, f.Layers, f.Gate, f.GateActivation
		if c.Gate == "" {
			c.Gate, c.GateActivation = Scalar, None
		}
		return c, nil
	}
	return c, fmt.Errorf("peft_type %q is not supported, want LORA or ADAPTION_PROMPT", f.PeftType)
}

func (f peftFile) lora(c Config) (Config, error) {
	for _, no := range []struct {
		key string
		set bool
	}{
		{"use_dora", f.DoRA}, {"use_qalora", f.QALoRA}, {"lora_bias", f.LoRABias}, {"fan_in_fan_out", f.FanInFanOut},
		{"bias", f.Bias != "" && f.Bias != "none"}, {"modules_to_save", len(f.ModulesToSave) > 0}, {"exclude_modules", isSet(f.Exclude)},
		{"trainable_token_indices", isSet(f.TokenIndices)}, {"target_parameters", isSet(f.Parameters)}, {"layer_replication", isSet(f.Replication)},
		{"alora_invocation_tokens", isSet(f.ALoRA)}, {"arrow_config", isSet(f.Arrow)},
	} {
		if no.set {
			return c, fmt.Errorf("%s is set, which is not supported", no.key)
		}
	}
	if s, ok := f.Init.(string); ok && !slices.Contains([]string{"gaussian", "orthogonal", "default", "true", "false"}, s) {
		return c, fmt.Errorf("init_lora_weights %q changes the base's weights, which is not supported: convert the adapter to plain LoRA first", s)
	}
	c.Type, c.R, c.Alpha, c.Dropout, c.RSLoRA = LoRA, f.R, f.Alpha, f.Dropout, f.RSLoRA
	c.RankPattern, c.AlphaPattern = f.RankPattern, f.AlphaPattern
	switch t := f.Targets.(type) {
	case nil:
		c.Targets = []string{"q_proj", "v_proj"} // what PEFT takes for LLaMA
	case string:
		c.TargetRegexp = t
		if t == "all-linear" {
			c.TargetRegexp, c.Targets = "", modules()
		}
	case []any:
		for _, m := range t {
			name, ok := m.(string)
			if !ok {
				return c, fmt.Errorf("target_modules holds %v, want names", m)
			}
			c.Targets = append(c.Targets, strings.TrimPrefix(name, peft))
		}
		slices.Sort(c.Targets)
	default:
		return c, fmt.Errorf("target_modules is %v, want names", t)
	}
	if len(c.Targets) == 0 && c.TargetRegexp == "" {
		return c, errors.New("target_modules names nothing")
	}
	return c, f.layers(&c)
}

// layers reads layers_to_transform: null, a number or a list.
func (f peftFile) layers(c *Config) error {
	list, ok := f.OnlyLayers.([]any)
	if !ok && f.OnlyLayers != nil {
		list = []any{f.OnlyLayers}
	}
	for _, l := range list {
		n, ok := l.(float64)
		if !ok || n != math.Trunc(n) {
			return fmt.Errorf("layers_to_transform holds %v, want layer numbers", l)
		}
		c.OnlyLayers = append(c.OnlyLayers, int(n))
	}
	return nil
}

func isSet(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// json writes adapter_config.json with the keys that every version of PEFT
// reads, sorted and indented as PEFT does.
func (c Config) json() ([]byte, error) {
	file := map[string]any{
		"auto_mapping": nil, "base_model_name_or_path": nil, "inference_mode": true, "revision": nil, "task_type": "CAUSAL_LM",
	}
	if c.BaseModel != "" {
		file["base_model_name_or_path"] = c.BaseModel
	}
	set := func(values map[string]any) {
		for k, v := range values {
			file[k] = v
		}
	}
	if c.Type == LoRA {
		var layers, targets any
		if c.OnlyLayers != nil {
			layers = c.OnlyLayers
		}
		targets = slices.Sorted(slices.Values(c.Targets))
		if c.TargetRegexp != "" {
			targets = c.TargetRegexp
		}
		alphas := map[string]json.RawMessage{}
		for k, v := range c.AlphaPattern {
			alphas[k] = number(v, false)
		}
		ranks := c.RankPattern
		if ranks == nil {
			ranks = map[string]int{}
		}
		set(map[string]any{
			"peft_type": "LORA", "r": c.R, "lora_alpha": number(c.Alpha, false), "lora_dropout": number(c.Dropout, true),
			"use_rslora": c.RSLoRA, "use_dora": false, "target_modules": targets, "layers_to_transform": layers, "layers_pattern": nil,
			"rank_pattern": ranks, "alpha_pattern": alphas, "bias": "none", "fan_in_fan_out": false, "init_lora_weights": true, "modules_to_save": nil,
		})
	} else {
		set(map[string]any{"peft_type": "ADAPTION_PROMPT", "adapter_len": c.Len, "adapter_layers": c.Layers, "target_modules": "self_attn"})
		if c.Gate != Scalar {
			set(map[string]any{"gate": c.Gate, "gate_activation": c.GateActivation})
		}
	}
	return json.MarshalIndent(file, "", "  ")
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
