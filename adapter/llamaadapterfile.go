package adapter

import (
	"fmt"

	"fettle/model"
)

// The values of peft_type of a LLaMA-Adapter. PEFT computes one gate for a layer, without an activation, and would take
// no notice of other gates; a type of their own, which it does not know, makes it refuse them.
const (
	peftPrompt = "ADAPTION_PROMPT"
	ownPrompt  = "FETTLE_LLAMA_ADAPTER"
)

func (LLaMAAdapter) peftTypes() []string { return []string{peftPrompt, ownPrompt} }

// readByPEFT reports whether PEFT can compute the gates.
func (a LLaMAAdapter) readByPEFT() bool { return a.Gate == Scalar && a.GateActivation == None }

// readers says which gates PEFT can read, and how an adapter in dir is written for programs with other gates.
func (a LLaMAAdapter) readers(_ *model.Config, dir string) string {
	if a.readByPEFT() {
		return "PEFT reads this adapter: it has PEFT's gates, one for a layer (gate: scalar, gate_activation: none)."
	}
	program, as := "the official LLaMA-Adapter", "--output NAME.pth"
	if a.GateActivation == None {
		program, as = "LitGPT", "--format litgpt --output NAME"
	}
	return fmt.Sprintf("PEFT cannot read this adapter: it has %s gates with activation %s. "+
		"PEFT's are gate: scalar with gate_activation: none.\nFor %s: fettle convert --input %s %s",
		a.Gate, a.GateActivation, program, dir, as)
}

// encode writes the keys of PEFT's AdaptionPromptConfig, and two more for gates that PEFT lacks.
func (a LLaMAAdapter) encode() map[string]any {
	keys := map[string]any{
		"peft_type": peftPrompt, "adapter_len": a.Len, "adapter_layers": a.Layers, "target_modules": attentionModule,
	}
	if a.Layers == allLayers {
		keys["adapter_layers"] = 0
	}
	if !a.readByPEFT() {
		keys["peft_type"], keys["gate"], keys["gate_activation"] = ownPrompt, a.Gate, a.GateActivation
	}
	return keys
}

// attentionModule is the last name of the modules that get a prompt.
const attentionModule = "self_attn"

// decode reads both types, and PEFT's type with the keys of the other one, as earlier files have it.
func (LLaMAAdapter) decode(keys *configKeys) (Method, error) {
	var a LLaMAAdapter
	target := attentionModule
	keys.number("adapter_len", &a.Len)
	keys.number("adapter_layers", &a.Layers)
	keys.get("gate", &a.Gate)
	keys.get("gate_activation", &a.GateActivation)
	keys.get("target_modules", &target)
	if a.Gate == "" {
		a.Gate, a.GateActivation = Scalar, None
	}
	switch {
	case keys.err != nil:
	case target != attentionModule:
		keys.err = fmt.Errorf("target_modules is %q, want %s", target, attentionModule)
	case a.Len < 1:
		keys.err = fmt.Errorf("adapter_len %d, want 1 or more", a.Len)
	case a.Layers < 0:
		keys.err = fmt.Errorf("adapter_layers %d, want 1 or more, or 0 for all layers", a.Layers)
	case a.Layers == 0:
		a.Layers = allLayers
	}
	return a, keys.err
}

// allLayers stands for PEFT's adapter_layers 0, which are all, until the model is known.
const allLayers = -1

func (a LLaMAAdapter) resolve(c *model.Config) Method {
	switch a.Layers {
	case 0:
		a.Layers = max(1, c.Layers-2)
	case allLayers:
		a.Layers = c.Layers
	}
	return a
}
