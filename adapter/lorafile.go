package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fettle/model"
)

// loraFile is PEFT's LoraConfig.
type loraFile struct {
	Rank          int             `json:"r"`
	Alpha         float64         `json:"lora_alpha"`
	Dropout       float64         `json:"lora_dropout"`
	RSLoRA        bool            `json:"use_rslora"`
	DoRA          bool            `json:"use_dora"`
	QALoRA        bool            `json:"use_qalora"`
	Bias          string          `json:"bias"`
	LoRABias      bool            `json:"lora_bias"`
	FanInFanOut   bool            `json:"fan_in_fan_out"`
	Targets       any             `json:"target_modules"`
	Exclude       any             `json:"exclude_modules"`
	OnlyLayers    any             `json:"layers_to_transform"`
	RankPattern   Object[int]     `json:"rank_pattern"`
	AlphaPattern  Object[float64] `json:"alpha_pattern"`
	Init          any             `json:"init_lora_weights"`
	ModulesToSave []string        `json:"modules_to_save"`
	TokenIndices  any             `json:"trainable_token_indices"`
	Parameters    any             `json:"target_parameters"`
	Replication   any             `json:"layer_replication"`
	ALoRA         any             `json:"alora_invocation_tokens"`
	Arrow         any             `json:"arrow_config"`
}

// decode refuses, by name, unsupported settings that would change the computation.
func (LoRA) decode(text []byte) (Method, error) {
	var f loraFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	for _, no := range []struct {
		key string
		set bool
	}{
		{"use_dora", f.DoRA}, {"use_qalora", f.QALoRA}, {"lora_bias", f.LoRABias}, {"fan_in_fan_out", f.FanInFanOut},
		{"bias", f.Bias != "" && f.Bias != "none"}, {"modules_to_save", len(f.ModulesToSave) > 0},
		{"exclude_modules", isSet(f.Exclude)}, {"trainable_token_indices", isSet(f.TokenIndices)},
		{"target_parameters", isSet(f.Parameters)}, {"layer_replication", isSet(f.Replication)},
		{"alora_invocation_tokens", isSet(f.ALoRA)}, {"arrow_config", isSet(f.Arrow)},
	} {
		if no.set {
			return nil, fmt.Errorf("%s is set, which is not supported", no.key)
		}
	}
	plain := []string{"gaussian", "orthogonal", "default", "true", "false"}
	if s, ok := f.Init.(string); ok && !slices.Contains(plain, s) {
		return nil, fmt.Errorf("init_lora_weights %q changes the base's weights, which is not supported: "+
			"convert the adapter to plain LoRA first", s)
	}
	l := LoRA{
		Rank: f.Rank, Alpha: f.Alpha, Dropout: f.Dropout, RSLoRA: f.RSLoRA,
		RankPattern: f.RankPattern, AlphaPattern: f.AlphaPattern,
	}
	switch t := f.Targets.(type) {
	case nil:
		l.Targets = []string{model.QProj.String(), model.VProj.String()} // PEFT's default for LLaMA
	case string:
		l.TargetRegexp = t
		if t == allLinear {
			l.TargetRegexp, l.Targets = "", projections()
		}
	case []any:
		for _, m := range t {
			name, ok := m.(string)
			if !ok {
				return nil, fmt.Errorf("target_modules holds %v, want names", m)
			}
			l.Targets = append(l.Targets, strings.TrimPrefix(name, peftPrefix))
		}
		slices.Sort(l.Targets)
	default:
		return nil, fmt.Errorf("target_modules is %v, want names", t)
	}
	if len(l.Targets) == 0 && l.TargetRegexp == "" {
		return nil, errors.New("target_modules is empty")
	}
	var err error
	l.OnlyLayers, err = f.layers()
	return l, err
}

// layers reads layers_to_transform: null, a number or a list.
func (f loraFile) layers() (only []int, err error) {
	list, ok := f.OnlyLayers.([]any)
	if !ok && f.OnlyLayers != nil {
		list = []any{f.OnlyLayers}
	}
	for _, l := range list {
		n, ok := l.(float64)
		if !ok || n != math.Trunc(n) {
			return nil, fmt.Errorf("layers_to_transform holds %v, want layer numbers", l)
		}
		only = append(only, int(n))
	}
	return only, nil
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

// encode writes the keys of LoraConfig.
func (l LoRA) encode() map[string]any {
	var layers, targets any
	if l.OnlyLayers != nil {
		layers = l.OnlyLayers
	}
	targets = slices.Sorted(slices.Values(l.targets()))
	if l.TargetRegexp != "" {
		targets = l.TargetRegexp
	}
	var alphas Object[json.RawMessage]
	for _, m := range l.AlphaPattern {
		alphas = append(alphas, Member[json.RawMessage]{m.Key, number(m.Value, false)})
	}
	return map[string]any{
		"peft_type": "LORA", "r": l.Rank, "lora_alpha": number(l.Alpha, false), "lora_dropout": number(l.Dropout, true),
		"use_rslora": l.RSLoRA, "use_dora": false, "target_modules": targets, "layers_to_transform": layers,
		"layers_pattern": nil, "rank_pattern": l.RankPattern, "alpha_pattern": alphas, "bias": "none",
		"fan_in_fan_out": false, "init_lora_weights": true, "modules_to_save": nil,
	}
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
