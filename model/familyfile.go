package model

import "fmt"

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
	if family.slides == nil || family.optional && !f.UseWindow || f.Window == nil {
		return nil
	}
	if *f.Window < 1 {
		return fmt.Errorf("sliding_window is %d, want 1 or more", *f.Window)
	}
	byType := family.byType && f.LayerTypes != nil
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
			switch slides = f.LayerTypes[l] == slidingLayer; {
			case !slides && f.LayerTypes[l] != fullLayer:
				return fmt.Errorf("layer_types has %q for layer %d, want %s or %s", f.LayerTypes[l], l, slidingLayer, fullLayer)
			}
		}
		if slides {
			windows[l], any = int(*f.Window), true
		}
	}
	if any { // within its length a window hides nothing
		c.Arch.Windows, c.MaxPositions = windows, min(c.MaxPositions, int(*f.Window))
	}
	return nil
}

// writeFamily adds the keys that depend on the family to a config.json.
func (c *Config) writeFamily(file map[string]any) {
	name := c.Type
	if name == "" {
		name = "llama"
	}
	family := families[name]
	file["model_type"], file["architectures"] = name, family.classes[:1]
	file["hidden_act"] = "silu"
	if family.biases {
		file["attention_bias"] = c.Arch.Biases[OProj]
	}
	if family.mlpBiases {
		file["mlp_bias"] = c.Arch.Biases[UpProj]
	}
	if family.slides != nil {
		c.writeWindows(family, file)
	}
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
	if family.byType {
		file["layer_types"] = types
	}
}
