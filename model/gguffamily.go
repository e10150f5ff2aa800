package model

import (
	"fmt"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// ggufFamily says how llama.cpp writes the models of an architecture.
type ggufFamily struct {
	name   string // general.architecture, and what its keys begin with
	paired bool   // rows of q and k lie in RoPE's pairs
}

// ggufFamilies lists the architectures.
var ggufFamilies = []ggufFamily{
	{name: "llama", paired: true},
}

// ggufNames are the names of tensors that all of them have.
var ggufNames = naming{
	blocks:  "blk.",
	outside: map[string]string{"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"},
	block: map[string]string{
		"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
		"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
		"ffn_gate":    "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
	},
}

// Names that other programs give to parts of a file.
const (
	architectureKey = "general.architecture"
	typeKey         = "general.type"
	ropeFactors     = "rope_freqs.weight" // what RoPE's inverse frequencies are divided by
)

// familyOf finds the architecture of a file.
func familyOf(m gguf.Metadata) (ggufFamily, error) {
	if kind, ok := m.Text(typeKey); ok && kind != "model" {
		advice := ""
		if kind == "adapter" {
			advice = ": give it as --adapter_name_or_path"
		}
		return ggufFamily{}, fmt.Errorf("key %s is %q, want a model%s", typeKey, kind, advice)
	}
	name, ok := m.Text(architectureKey)
	if !ok {
		return ggufFamily{}, fmt.Errorf("key %s is missing or no text", architectureKey)
	}
	var known []string
	for _, f := range ggufFamilies {
		if f.name == name {
			return f, nil
		}
		known = append(known, f.name)
	}
	return ggufFamily{}, fmt.Errorf("key %s: architecture %q is not supported, want %s", architectureKey, name,
		strings.Join(known, ", "))
}

// halved puts the rows of a tensor that lie in RoPE's pairs into Hugging Face's order. Others stay as they are.
func halved(t checkpoint.Tensor, c *Config) checkpoint.Tensor {
	if heads := rotatedHeads(t, c); heads > 0 {
		t.Order = halves(heads, c.HeadDim)
	}
	return t
}

// rotatedHeads returns the heads of the weight of q or k, 0 for any other tensor.
func rotatedHeads(t checkpoint.Tensor, c *Config) int {
	heads := 0
	switch {
	case strings.HasSuffix(t.Name, ".self_attn.q_proj.weight"):
		heads = c.Heads
	case strings.HasSuffix(t.Name, ".self_attn.k_proj.weight"):
		heads = c.KVHeads
	}
	if len(t.Shape) != 2 || t.Shape[0] != heads*c.HeadDim {
		return 0
	}
	return heads
}
