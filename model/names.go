package model

import (
	"maps"
	"slices"
	"strings"
)

// naming maps the names that a format gives to tensors to Hugging Face's, without their ending .weight or .bias.
type naming struct {
	blocks  string            // what names in blocks begin with, before the number
	outside map[string]string // whole names
	block   map[string]string // after blocks and the number
}

const ourBlocks = "model.layers."

// rename returns Hugging Face's name of a tensor; the file's own where it has none.
func (n naming) rename(name string) string {
	stem, ending := cutEnding(name)
	if outside, ok := n.outside[stem]; ok {
		return outside + ending
	}
	if inside, ok := strings.CutPrefix(stem, n.blocks); ok {
		number, rest, _ := strings.Cut(inside, ".")
		if known, ok := n.block[rest]; ok {
			return ourBlocks + number + "." + known + ending
		}
	}
	return name
}

// original is the inverse of rename.
func (n naming) original(name string) string {
	stem, ending := cutEnding(name)
	find := func(in map[string]string, what string) string {
		for _, theirs := range slices.Sorted(maps.Keys(in)) {
			if in[theirs] == what {
				return theirs
			}
		}
		return ""
	}
	if theirs := find(n.outside, stem); theirs != "" {
		return theirs + ending
	}
	number, rest, _ := strings.Cut(strings.TrimPrefix(stem, ourBlocks), ".")
	if theirs := find(n.block, rest); theirs != "" {
		return n.blocks + number + "." + theirs + ending
	}
	return name
}

// cutEnding splits a name before its last dot.
func cutEnding(name string) (stem, ending string) {
	i := max(strings.LastIndexByte(name, '.'), 0)
	return name[:i], name[i:]
}

// metaNames are the names of Meta's files.
var metaNames = naming{
	blocks:  "layers.",
	outside: map[string]string{"tok_embeddings": "model.embed_tokens", "norm": "model.norm", "output": "lm_head"},
	block: map[string]string{
		"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
		"attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj",
		"attention.wo":    "self_attn.o_proj",
		"feed_forward.w1": "mlp.gate_proj", "feed_forward.w2": "mlp.down_proj", "feed_forward.w3": "mlp.up_proj",
	},
}
