package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// ggufFamily says how llama.cpp writes the models of an architecture.
type ggufFamily struct {
	name      string            // general.architecture, and what its keys begin with
	modelType string            // Hugging Face's name
	paired    bool              // rows of q and k lie in RoPE's pairs
	partial   bool              // rope.dimension_count may be less than the head width
	block     map[string]string // names of tensors in a block, beside and instead of those that all families have

	fixedBase bool // llama.cpp's converter writes no base of RoPE
	headKeys  bool // and the head width always
	sizeKeys  bool // and the vocabulary and what RoPE rotates
	seesAll   bool // llama.cpp ignores the window

	configure func(*keys, *Config)                             // sets what keys of its own say; nil: nothing
	write     func(c *Config, add func(key string, value any)) // its inverse
}

// ggufFamilies lists the architectures.
var ggufFamilies = []ggufFamily{
	{name: "llama", modelType: "llama", paired: true, headKeys: true, sizeKeys: true},
	{name: "qwen2", modelType: "qwen2"},
	{name: "qwen3", modelType: "qwen3", block: ggufHeadNorms, headKeys: true},
	{
		name: "smollm3", modelType: "smollm3", paired: true, sizeKeys: true, configure: everyFourthUnrotated,
	},
	{name: "gemma", modelType: "gemma", headKeys: true, fixedBase: true},
	{
		name: "gemma2", modelType: "gemma2", block: ggufPostNorms, headKeys: true, fixedBase: true,
		configure: gemma2Keys, write: writeGemma2Keys,
	},
	{
		name: "gemma3", modelType: "gemma3_text", block: merged(ggufPostNorms, ggufHeadNorms), headKeys: true,
		configure: gemma3Keys, write: writeGemma3Keys,
	},
	{
		name: "phi3", modelType: "phi3", partial: true, block: ggufFused, seesAll: true, configure: phi3Keys,
		write: writePhi3Keys,
	},
}

// The names of tensors: those of all families, of norms of heads, of fused projections, and those of families with
// norms behind attention and the MLP, whose norm before the MLP has another name at Hugging Face.
var (
	ggufOutside = map[string]string{
		"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
	}
	ggufBlock = map[string]string{
		"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
		"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
		"ffn_gate":    "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
	}
	ggufHeadNorms = map[string]string{"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
	ggufFused     = map[string]string{"attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"}
	ggufPostNorms = map[string]string{
		"ffn_norm": "pre_feedforward_layernorm", "post_attention_norm": "post_attention_layernorm",
		"post_ffw_norm": "post_feedforward_layernorm",
	}
)

// merged returns the entries of both maps; those of the second count.
func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// names returns the names of tensors.
func (f ggufFamily) names() naming {
	return naming{blocks: "blk.", outside: ggufOutside, block: merged(ggufBlock, f.block)}
}

// Names that other programs give to parts of a file.
const (
	architectureKey = "general.architecture"
	typeKey         = "general.type"

	// What RoPE's inverse frequencies are divided by: always, or in sequences within the original positions and beyond.
	ropeFactors = "rope_freqs.weight"
	ropeShort   = "rope_factors_short.weight"
	ropeLong    = "rope_factors_long.weight"
)

// GGUFArchitecture returns general.architecture of a model's GGUF files, and whether they have the rows of q and k in
// RoPE's pairs: row 2j+s of a head is row s·Dh/2+j of Hugging Face's.
func (c *Config) GGUFArchitecture() (name string, paired bool, err error) {
	f, err := c.ggufFamily()
	return f.name, f.paired, err
}

// GGUFName returns llama.cpp's name of a tensor of an architecture; the name itself where it has none.
func GGUFName(architecture, name string) string { return namesOf(architecture).original(name) }

// FromGGUFName is the inverse of GGUFName.
func FromGGUFName(architecture, name string) string { return namesOf(architecture).rename(name) }

// namesOf returns the names of an architecture, those of all families for one that is not in the table.
func namesOf(architecture string) naming {
	i := slices.IndexFunc(ggufFamilies, func(f ggufFamily) bool { return f.name == architecture })
	if i < 0 {
		return ggufFamily{}.names()
	}
	return ggufFamilies[i].names()
}

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

// halved puts the rows of a tensor that lie in RoPE's pairs into Hugging Face's order, and elements of biases. Others
// stay as they are.
func halved(t checkpoint.Tensor, c *Config) checkpoint.Tensor {
	heads := rotatedHeads(t, c)
	switch {
	case heads == 0:
	case len(t.Shape) == 2:
		t.Order = Halves(heads, c.HeadDim)
	default:
		if t.Type.Block() > 1 { // whose elements do not move one by one
			x, _ := checkpoint.Float32s(t)
			t = checkpoint.FromFloat32s(t.Name, t.Shape, x)
		}
		out := make([]byte, 0, len(t.Data))
		for _, at := range Halves(heads, c.HeadDim) {
			out = append(out, t.Row(int(at))...)
		}
		t.Data, t.Own = out, true
	}
	return t
}

// rotatedHeads returns the heads of the weight or bias of q or k, 0 for any other tensor.
func rotatedHeads(t checkpoint.Tensor, c *Config) int {
	heads := 0
	stem, _ := cutEnding(t.Name)
	switch {
	case strings.HasSuffix(stem, ".self_attn.q_proj"):
		heads = c.Heads
	case strings.HasSuffix(stem, ".self_attn.k_proj"):
		heads = c.KVHeads
	}
	if len(t.Shape) == 0 || len(t.Shape) > 2 || t.Shape[0] != heads*c.HeadDim ||
		len(t.Shape) == 2 && t.Shape[1] != c.Hidden {
		return 0
	}
	return heads
}
