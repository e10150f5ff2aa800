// Package tinymodel writes small random LLaMAs for tests: Hugging Face model directories of a few kilobytes, with the
// same bytes for the same seed.
package tinymodel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"fettle/internal/checkpoint"
)

// Config describes the model. Zero fields take the value in brackets.
type Config struct {
	Hidden       int             // D [16]
	Intermediate int             // F [24]
	Layers       int             // L [3]
	Heads        int             // H [4]
	KVHeads      int             // G [2]
	HeadDim      int             // Dh [D/H]
	Vocab        int             // V [40]
	MaxPositions int             // [64]
	Tied         bool            // no lm_head: the embedding also serves as the head
	DType        checkpoint.Type // F32, BF16 or F16 [F32]
	Shards       int             // number of files, with an index [one file, no index]
	Extra        map[string]any  // keys to set in config.json or, if nil, to remove
}

// Write writes config.json and the weights into dir, which it creates.
func Write(dir string, c Config, seed uint64) error {
	c = c.filled()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c.file(), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	tensors, err := c.tensors(rand.New(rand.NewPCG(seed, 0)))
	if err != nil {
		return err
	}
	if c.Shards == 0 {
		return writeTensors(filepath.Join(dir, "model.safetensors"), tensors)
	}
	return writeShards(dir, tensors, c.Shards)
}

func (c Config) filled() Config {
	fill := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&c.Hidden, 16)
	fill(&c.Intermediate, 24)
	fill(&c.Layers, 3)
	fill(&c.Heads, 4)
	fill(&c.KVHeads, 2)
	fill(&c.HeadDim, c.Hidden/c.Heads)
	fill(&c.Vocab, 40)
	fill(&c.MaxPositions, 64)
	if c.DType == "" {
		c.DType = checkpoint.F32
	}
	return c
}

// file returns the contents of config.json.
func (c Config) file() map[string]any {
	dtypes := map[checkpoint.Type]string{
		checkpoint.F32: "float32", checkpoint.BF16: "bfloat16", checkpoint.F16: "float16",
	}
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": dtypes[c.DType],
		"hidden_size": c.Hidden, "intermediate_size": c.Intermediate, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size": c.Vocab, "max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.Tied,
		"rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2,
	}
	maps.Copy(config, c.Extra)
	maps.DeleteFunc(config, func(_ string, v any) bool { return v == nil })
	return config
}

// tensors returns random weights: matrices N(0, 4/in), so that attention and gates have an effect, the embedding N(0,
// 1), norms N(1, 0.04).
func (c Config) tensors(rng *rand.Rand) ([]checkpoint.Tensor, error) {
	var list []checkpoint.Tensor
	var failed error
	add := func(name string, mean, deviation float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(mean + deviation*rng.NormFloat64())
		}
		t, err := checkpoint.Rounded(name, c.DType, shape, values)
		list, failed = append(list, t), errors.Join(failed, err)
	}
	linear := func(name string, out, in int) { add(name, 0, 2/math.Sqrt(float64(in)), out, in) }
	add("model.embed_tokens.weight", 0, 1, c.Vocab, c.Hidden)
	for l := range c.Layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		add(at+"input_layernorm.weight", 1, 0.2, c.Hidden)
		linear(at+"self_attn.q_proj.weight", c.Heads*c.HeadDim, c.Hidden)
		linear(at+"self_attn.k_proj.weight", c.KVHeads*c.HeadDim, c.Hidden)
		linear(at+"self_attn.v_proj.weight", c.KVHeads*c.HeadDim, c.Hidden)
		linear(at+"self_attn.o_proj.weight", c.Hidden, c.Heads*c.HeadDim)
		add(at+"post_attention_layernorm.weight", 1, 0.2, c.Hidden)
		linear(at+"mlp.gate_proj.weight", c.Intermediate, c.Hidden)
		linear(at+"mlp.up_proj.weight", c.Intermediate, c.Hidden)
		linear(at+"mlp.down_proj.weight", c.Hidden, c.Intermediate)
	}
	add("model.norm.weight", 1, 0.2, c.Hidden)
	if !c.Tied {
		linear("lm_head.weight", c.Vocab, c.Hidden)
	}
	return list, failed
}
