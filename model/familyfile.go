package model

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// familyKeys decodes keys of config.json that only some families have.
type familyKeys struct {
	Pattern          whole           `json:"sliding_window_pattern"`
	HiddenActivation *string         `json:"hidden_activation"`
	QueryWidth       float64         `json:"query_pre_attn_scalar"`
	ScoreCap         *float64        `json:"attn_logit_softcapping"`
	LogitCap         *float64        `json:"final_logit_softcapping"`
	LocalTheta       float64         `json:"rope_local_base_freq"`
	Rotated          []whole         `json:"no_rope_layers"` // 1: rotated
	NoRopeInterval   whole           `json:"no_rope_layer_interval"`
	Bidirectional    bool            `json:"use_bidirectional_attention"`
	Text             json.RawMessage `json:"text_config"`
}

// checkActivation refuses activations other than the family's.
func (f *configFile) checkActivation() error {
	family, key, got, want := families[f.ModelType], "hidden_act", f.Activation, []string{"silu", "swish"}
	if family.arch.GELU {
		want = []string{"gelu_pytorch_tanh", "gelu_new"}
	}
	if family.legacyGELU {
		want = append(want, "gelu")
	}
	if family.activation != "" {
		if key, got = family.activation, ""; f.HiddenActivation != nil {
			got = *f.HiddenActivation
		}
	}
	if got != "" && !slices.Contains(want, got) {
		return fmt.Errorf("%s %q is not supported, want %s", key, got, want[0])
	}
	return nil
}

// caps sets the numbers of attention and logits.
func (f *configFile) caps(a *Arch) {
	if !a.PostNorms {
		return
	}
	a.QueryWidth = f.QueryWidth
	if f.ScoreCap != nil && !families[f.ModelType].noScoreCap {
		a.ScoreCap = *f.ScoreCap
	}
	if f.LogitCap != nil {
		a.LogitCap = *f.LogitCap
	}
}

// rotates reports whether SmolLM3's layer l has RoPE.
func (f *configFile) rotates(l int) bool {
	if f.Rotated != nil {
		return l < len(f.Rotated) && f.Rotated[l] != 0
	}
	return f.NoRopeInterval < 1 || (l+1)%int(f.NoRopeInterval) != 0
}

// rotations sets the layers' RoPE.
func (f *configFile) rotations(c *Config) error {
	if c.Layers < 0 || c.Layers > maxLayers {
		return nil // check names the number
	}
	family := families[f.ModelType]
	if family.noRope && f.Rotated != nil && len(f.Rotated) < c.Layers {
		return fmt.Errorf("no_rope_layers has %d entries, want %d", len(f.Rotated), c.Layers)
	}
	all, differ := make([]Rotation, c.Layers), false
	for l := range all {
		switch {
		case family.localRope && c.Window(l) > 0:
			all[l] = LocalRope
		case family.noRope && !f.rotates(l):
			all[l] = NoRope
		}
		differ = differ || all[l] != GlobalRope
	}
	if differ {
		c.Arch.Rotations = all
	}
	return nil
}

// biases sets the biases that attention_bias and mlp_bias add where the family reads them.
func (f *configFile) biases(a *Arch) {
	family := families[f.ModelType]
	if family.biases && f.AttentionBias {
		a.Biases[QProj], a.Biases[KProj], a.Biases[VProj], a.Biases[OProj] = true, true, true, true
	}
	if family.mlpBiases && f.MLPBias {
		a.Biases[GateProj], a.Biases[UpProj], a.Biases[DownProj] = true, true, true
	}
}

// The values of layer_types.
const (
	slidingLayer = "sliding_attention"
	fullLayer    = "full_attention"
)

// windows sets the layers' windows.
func (f *configFile) windows(c *Config) error {
	family := families[f.ModelType]
	byType := family.byType && f.LayerTypes != nil
	used := !family.optional || f.UseWindow || family.either && byType
	if family.slides == nil || !used || f.Window == nil && !family.localRope {
		return nil
	}
	if f.Window != nil && *f.Window < 1 {
		return fmt.Errorf("sliding_window is %d, want 1 or more", *f.Window)
	}
	if byType && len(f.LayerTypes) < c.Layers {
		return fmt.Errorf("layer_types has %d entries, want %d", len(f.LayerTypes), c.Layers)
	}
	if c.Layers < 0 || c.Layers > maxLayers {
		return nil // check names the number
	}
	windows, any := make([]int, c.Layers), false
	for l := range windows {
		slides := family.slides(f, l)
		if byType {
			if slides = f.LayerTypes[l] == slidingLayer; !slides && f.LayerTypes[l] != fullLayer {
				return fmt.Errorf("layer_types has %q for layer %d, want %s or %s", f.LayerTypes[l], l, slidingLayer, fullLayer)
			}
		}
		switch {
		case slides && f.Window == nil:
			return fmt.Errorf("sliding_window is null, but layer %d has one: want a number, or %s in layer_types", l, fullLayer)
		case slides:
			windows[l], any = int(*f.Window), true
		}
	}
	if any {
		c.Arch.Windows = windows
	}
	return nil
}

// checkBiases returns an error unless a config.json can say which projections have biases.
func (c *Config) checkBiases() error {
	f := configFile{ModelType: cmp.Or(c.Type, "llama")}
	f.AttentionBias, f.MLPBias = c.Arch.Biases[OProj], c.Arch.Biases[UpProj]
	a := families[f.ModelType].arch
	if f.biases(&a); a.Biases == c.Arch.Biases {
		return nil
	}
	var biased []string
	for _, p := range Projections() {
		if c.Arch.Biases[p] {
			biased = append(biased, p.String())
		}
	}
	return fmt.Errorf("%s of the model have biases, which config.json has no key for in %s",
		cmp.Or(strings.Join(biased, ", "), "no projections"), f.ModelType)
}

// writeFamily adds the keys that depend on the family to a config.json.
func (c *Config) writeFamily(file map[string]any) {
	name := cmp.Or(c.Type, "llama")
	family := families[name]
	file["model_type"], file["architectures"] = name, family.classes[:1]
	activation, act := "hidden_act", "silu"
	if family.arch.GELU {
		act = "gelu_pytorch_tanh"
	}
	if family.activation != "" {
		activation = family.activation
	}
	file[activation] = act
	if family.biases {
		file["attention_bias"] = c.Arch.Biases[OProj]
	}
	if family.mlpBiases {
		file["mlp_bias"] = c.Arch.Biases[UpProj]
	}
	if family.slides != nil {
		c.writeWindows(family, file)
	}
	if family.arch.PostNorms { // Gemma 2 and 3 have caps, and a width of 256, where the file says nothing
		file["query_pre_attn_scalar"] = cmp.Or(c.Arch.QueryWidth, float64(c.HeadDim))
		file["attn_logit_softcapping"], file["final_logit_softcapping"] = given(c.Arch.ScoreCap), given(c.Arch.LogitCap)
	}
	if family.noRope {
		rotated := make([]int, c.Layers)
		for l := range rotated {
			if c.Rotation(l) != NoRope {
				rotated[l] = 1
			}
		}
		file["no_rope_layers"] = rotated
	}
	if family.defaults != "" { // transformers' defaults may lie outside the vocabulary
		for _, token := range []string{"pad_token_id", "bos_token_id", "eos_token_id"} {
			file[token] = nil
		}
	}
}

// given returns nil in the place of zero, else the number with a fraction: transformers takes no whole ones there.
func given(x float64) any {
	switch {
	case x == 0:
		return nil
	case x == math.Trunc(x):
		return json.Number(strconv.FormatFloat(x, 'f', 1, 64))
	}
	return x
}

// writeWindows adds the keys of windows.
func (c *Config) writeWindows(family family, file map[string]any) {
	window, types := any(nil), make([]string, c.Layers)
	for l := range types {
		types[l] = fullLayer
		if w := c.Window(l); w > 0 {
			window, types[l] = w, slidingLayer
		}
	}
	file["sliding_window"] = window
	if family.optional {
		file["use_sliding_window"] = window != nil
	}
	mixed := slices.Contains(types, fullLayer) && slices.Contains(types, slidingLayer)
	if family.byType && (!family.alike || mixed) {
		file["layer_types"] = types
	}
}
