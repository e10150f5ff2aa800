package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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

// Names of tensors in a file, without their ending .weight or .bias.
var (
	ggufOutside = map[string]string{
		"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
	}
	ggufBlock = map[string]string{ // after blk.N.; Hugging Face's after model.layers.N.
		"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
		"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
		"ffn_gate":    "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
	}
)

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

// rename returns Hugging Face's name of a tensor; the file's own where it has none.
func (f ggufFamily) rename(name string) string {
	stem, ending := cutEnding(name)
	if outside, ok := ggufOutside[stem]; ok {
		return outside + ending
	}
	block, rest, ok := strings.Cut(strings.TrimPrefix(stem, "blk."), ".")
	if inside, known := ggufBlock[rest]; known && ok && strings.HasPrefix(stem, "blk.") {
		return "model.layers." + block + "." + inside + ending
	}
	return name
}

// original is the inverse of rename.
func (f ggufFamily) original(name string) string {
	stem, ending := cutEnding(name)
	for _, ours := range slices.Sorted(maps.Keys(ggufOutside)) {
		if ggufOutside[ours] == stem {
			return ours + ending
		}
	}
	block, rest, _ := strings.Cut(strings.TrimPrefix(stem, "model.layers."), ".")
	for _, ours := range slices.Sorted(maps.Keys(ggufBlock)) {
		if ggufBlock[ours] == rest {
			return "blk." + block + "." + ours + ending
		}
	}
	return name
}

// cutEnding splits a name before its last dot.
func cutEnding(name string) (stem, ending string) {
	i := max(strings.LastIndexByte(name, '.'), 0)
	return name[:i], name[i:]
}

// pairs returns the heads of a tensor whose rows lie in RoPE's pairs, 0 for any other.
func (f ggufFamily) pairs(name string, c *Config) int {
	stem, _ := cutEnding(name)
	switch {
	case !f.paired:
	case strings.HasSuffix(stem, ".attn_q"):
		return c.Heads
	case strings.HasSuffix(stem, ".attn_k"):
		return c.KVHeads
	}
	return 0
}
