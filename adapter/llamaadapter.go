package adapter

import (
	"fmt"

	"fettle/internal/rng"
	"fettle/model"
)

// TypeLLaMAAdapter is the finetuning_type of LLaMAAdapter.
const TypeLLaMAAdapter = "llama-adapter"

// The shapes and the activations of a LLaMA-Adapter's gates.
const (
	PerHead = "per_head" // one for every head: the official code
	Scalar  = "scalar"   // one for a layer: PEFT
	Tanh    = "tanh"     // the official code
	None    = "none"     // PEFT
)

// LLaMAAdapter lets the top layers attend to Len vectors of an adaption prompt. Zhang et al. 2023, arXiv:2303.16199.
type LLaMAAdapter struct {
	Len            int    `yaml:"adapter_len" most:"65536" alias:"adapter_prompt_length" json:"PromptLen" group:"method" help:"vectors of LLaMA-Adapter's prompt"`
	Layers         int    `yaml:"adapter_layers" most:"65536" alias:"adapter_layer" json:"PromptLayers" group:"method" help:"layers with a prompt, from the top; 0: all but two"`
	Gate           string `yaml:"gate" json:"Gate" group:"method" help:"LLaMA-Adapter's gates: per_head (official; PEFT cannot read them) or scalar (PEFT's, one per layer)"`
	GateActivation string `yaml:"gate_activation" json:"GateActive" group:"method" help:"tanh (official; PEFT cannot read them) or none (PEFT's)"`
}

// Name returns its finetuning_type.
func (LLaMAAdapter) Name() string { return TypeLLaMAAdapter }

func (LLaMAAdapter) defaults() Method {
	return LLaMAAdapter{Len: 10, Gate: PerHead, GateActivation: Tanh}
}

// Check returns an error where the settings are wrong for a model.
func (a LLaMAAdapter) Check(m *model.Config) error {
	switch {
	case a.Len < 1 || a.Len > maxRank:
		return fmt.Errorf("adapter_len is %d, want 1 … %d", a.Len, maxRank)
	case a.Layers < 1 || a.Layers > m.Layers:
		return fmt.Errorf("adapter_layers is %d, want 1 … %d, the layers of the base", a.Layers, m.Layers)
	case a.Gate != PerHead && a.Gate != Scalar:
		return fmt.Errorf("gate is %q, want %s or %s", a.Gate, PerHead, Scalar)
	case a.GateActivation != Tanh && a.GateActivation != None:
		return fmt.Errorf("gate_activation is %q, want %s or %s", a.GateActivation, Tanh, None)
	case a.Gate == Scalar && a.GateActivation == Tanh:
		return fmt.Errorf("gate scalar with gate_activation tanh has no file format; use per_head, or none")
	}
	return nil
}

// Params lists prompts, drawn from N(0, 1), and gates, which are zero. With a gate for every head the names are those
// of the official checkpoint: one array for all prompts, and gates of all layers, the lower ones untrained. With a gate
// for a layer they are PEFT's.
func (a LLaMAAdapter) Params(c *model.Config) ([]Spec, error) {
	first := c.Layers - a.Layers
	at := func(layer int) model.Site { return model.Site{Layer: layer, At: model.Attention} }
	var specs []Spec
	if a.Gate == PerHead {
		specs = append(specs, Spec{Name: queryName, Site: at(first), Shape: []int{a.Layers * a.Len, c.Hidden}, Init: normal})
	}
	for layer := range c.Layers {
		switch {
		case a.Gate == PerHead:
			gate := Spec{Name: gateName(layer), Site: at(layer), Shape: []int{1, c.Heads, 1, 1}, Frozen: layer < first}
			specs = append(specs, gate)
		case layer >= first:
			specs = append(specs,
				Spec{Name: promptName(layer), Site: at(layer), Shape: []int{1, a.Len, c.Hidden}, Init: normal},
				Spec{Name: scalarName(layer), Site: at(layer), Shape: []int{1}})
		}
	}
	return specs, nil
}

// Names of the official checkpoint, and PEFT's.
const queryName = "adapter_query.weight" // (layers·K, D)

func gateName(layer int) string { return fmt.Sprintf("layers.%d.attention.gate", layer) }

func promptName(layer int) string {
	return fmt.Sprintf("%smodel.layers.%d.self_attn.adaption_prompt", peftPrefix, layer)
}

func scalarName(layer int) string {
	return fmt.Sprintf("%smodel.layers.%d.self_attn.adaption_gate", peftPrefix, layer)
}

func normal(k rng.Key, i int) float32 { return float32(k.Normal(i)) }

// Deltas puts zero-init attention on the top layers.
func (a LLaMAAdapter) Deltas(m *model.Model, params Params) (map[model.Site]model.Delta, error) {
	c, dev := m.Config(), m.Device()
	graphs, scratch, deltas := newGraphs(dev), &promptScratch{}, map[model.Site]model.Delta{}
	kv := a.Len * c.KVHeads * c.HeadDim
	for i := range a.Layers {
		layer := c.Layers - a.Layers + i
		p := &prompt{
			model: m, dev: dev, graphs: graphs, scratch: scratch, layer: layer, form: a.form(c),
			k: make([]float32, kv), v: make([]float32, kv), dk: make([]float32, kv), dv: make([]float32, kv),
			raw: make([]float32, c.Heads), c: make([]float32, c.Heads),
		}
		rows, gate := a.layer(c, params, layer)
		p.rows, p.gradRows, p.gate = rows.Data, rows.Grad, gate.Data
		p.sumK, p.sumV, p.sumGate = newSum(dev, p.dk), newSum(dev, p.dv), newSum(dev, gate.Grad)
		if a.Gate != PerHead {
			p.sumGate = newMixed(dev, gate.Grad)
		}
		deltas[model.Site{Layer: layer, At: model.Attention}] = p
	}
	return deltas, nil
}

func (a LLaMAAdapter) form(c *model.Config) promptForm {
	return promptForm{c.Heads / c.KVHeads, c.KVHeads, c.HeadDim, a.Len, a.GateActivation == Tanh}
}

// Scratch adds up the scores of all heads in the forward pass, the arrays of one key head and sequence in the backward
// pass, the keys and values of every layer's prompt and their gradients, and the gradients' partial sums.
func (a LLaMAAdapter) Scratch(c *model.Config, n, longest, sums int) int64 {
	f, kv := a.form(c), a.Len*c.KVHeads*c.HeadDim
	rows := longest * f.rep
	backward := 2*rows*f.headDim + rows*f.rep + 2*f.len*f.headDim + f.floats(longest) + 2*kv
	layer := 4*kv + 2*c.Heads + sums*(2*kv+c.Heads)
	return 4 * (int64(n)*int64(c.Heads*a.Len) + int64(backward) + int64(a.Layers)*int64(layer))
}

// record adds the gates for programs that read the record alone.
func (a LLaMAAdapter) record(r *Record) { r.Gate, r.GateActivation = a.Gate, a.GateActivation }
