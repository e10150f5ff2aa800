package adapter

import (
	"fmt"
	"slices"
	"strings"

	"fettle/model"
)

// The types of adapters.
const (
	LoRA         = "lora"          // Hu et al. 2021, arXiv:2106.09685
	LLaMAAdapter = "llama-adapter" // Zhang et al. 2023, arXiv:2303.16199
	FullWeights  = "full"          // no adapter: the weights themselves
)

// How a LLaMA-Adapter's gates are shaped, and what is applied to them.
const (
	PerHead = "per_head" // one for every head: the official code
	Scalar  = "scalar"   // one for a layer: PEFT
	Tanh    = "tanh"     // the official code
	None    = "none"     // PEFT
)

// Config says what an adapter is. Its file is PEFT's adapter_config.json.
type Config struct {
	Type string

	// LoRA: y += s·B·A·dropout(x), s = Alpha/R, with RSLoRA Alpha/√R
	// (Kalajdzievski 2023, arXiv:2312.03732).
	R            int
	Alpha        float64
	Dropout      float64
	RSLoRA       bool
	Targets      []string           // q_proj … down_proj, or paths that end so
	TargetRegexp string             // instead of Targets: matches whole module paths
	OnlyLayers   []int              // nil: all
	RankPattern  map[string]int     // other ranks for modules that match
	AlphaPattern map[string]float64 // and other alphas

	// LLaMA-Adapter: the top Layers layers attend to Len prompt vectors.
	Len, Layers    int
	Gate           string // PerHead or Scalar
	GateActivation string // Tanh or None

	BaseModel string // the base's name or path, for people
}

// modules are the short names of the projections.
func modules() []string {
	var names []string
	for _, p := range model.Places() {
		if p != model.Attention {
			names = append(names, p.String())
		}
	}
	return names
}

// Check says what is wrong with a config for a model.
func (c Config) Check(m *model.Config) error {
	switch c.Type {
	case LoRA:
		return c.checkLoRA()
	case LLaMAAdapter:
		switch {
		case c.Len < 1:
			return fmt.Errorf("adapter: adapter_len %d, want 1 or more", c.Len)
		case c.Layers < 1 || c.Layers > m.Layers:
			return fmt.Errorf("adapter: adapter_layers %d, want 1 … %d, the layers of the base", c.Layers, m.Layers)
		case c.Gate != PerHead && c.Gate != Scalar:
			return fmt.Errorf("adapter: gate %q, want %s or %s", c.Gate, PerHead, Scalar)
		case c.GateActivation != Tanh && c.GateActivation != None:
			return fmt.Errorf("adapter: gate_activation %q, want %s or %s", c.GateActivation, Tanh, None)
		case c.Gate == Scalar && c.GateActivation == Tanh:
			return fmt.Errorf("adapter: gate scalar with gate_activation tanh has no file format; use per_head, or none")
		}
		return nil
	}
	return fmt.Errorf("adapter: type %q, want %s or %s", c.Type, LoRA, LLaMAAdapter)
}

func (c Config) checkLoRA() error {
	switch {
	case c.R < 1:
		return fmt.Errorf("adapter: lora_rank %d, want 1 or more", c.R)
	case !(c.Alpha > 0):
		return fmt.Errorf("adapter: lora_alpha %v, want more than 0", c.Alpha)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("adapter: lora_dropout %v, want 0 ≤ p < 1", c.Dropout)
	case len(c.Targets) == 0 && c.TargetRegexp == "":
		return fmt.Errorf("adapter: no lora_target; choose from %s", strings.Join(modules(), ", "))
	}
	for _, t := range c.Targets {
		if short := t[strings.LastIndexByte(t, '.')+1:]; !slices.Contains(modules(), short) {
			return fmt.Errorf("adapter: lora_target %q is not a projection of a LLaMA; choose from %s", t, strings.Join(modules(), ", "))
		}
	}
	return nil
}
