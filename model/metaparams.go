package model

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"

	"fettle/internal/checkpoint/pth"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// paramsFile has the dimensions of a model in Meta's layout.
const paramsFile = "params.json"

// metaParams decodes it.
type metaParams struct {
	Dim          whole    `json:"dim"`
	Layers       whole    `json:"n_layers"`
	Heads        whole    `json:"n_heads"`
	KVHeads      *whole   `json:"n_kv_heads"`
	HeadDim      *whole   `json:"head_dim"`   // of Mistral's files, as hidden_dim and sliding_window are
	Vocab        whole    `json:"vocab_size"` // -1: the tokenizer's
	NormEps      *float64 `json:"norm_eps"`
	RopeTheta    *float64 `json:"rope_theta"`
	Scaled       bool     `json:"use_scaled_rope"`
	ScaledBy     *float64 `json:"rope_scaling_factor"`
	MaxPositions whole    `json:"max_seq_len"`
	Window       *whole   `json:"sliding_window"`
	Experts      any      `json:"moe"`
	Quantized    any      `json:"quantization_args"`
	LoRA         any      `json:"lora_args"`
	Vision       any      `json:"vision_chunk_size"`
}

func readParams(dir string) (p metaParams, err error) {
	path := filepath.Join(dir, paramsFile)
	text, err := readfile.WholeIn(dir, paramsFile, readfile.Settings)
	if err == nil {
		err = identify.Damage(text)
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read %s: %w", path, plainjson.In(text, err))
	}
	for _, k := range []struct {
		key   string
		value any
	}{
		{"moe", p.Experts}, {"quantization_args", p.Quantized}, {"lora_args", p.LoRA}, {"vision_chunk_size", p.Vision},
	} {
		if k.value != nil {
			return p, fmt.Errorf("read %s: %s is not supported", path, k.key)
		}
	}
	return p, nil
}

// The vocabulary of LLaMA 3 and the tokens that begin a text and end an answer in it.
const (
	llama3Vocab = 128256
	llama3BOS   = 128000
)

func llama3EOS() []int32 { return []int32{128001, 128008, 128009} }

// config returns the dimensions. What params.json leaves to Meta's programs comes from the tensors, or is what they
// have for the model that its other numbers belong to.
func (p metaParams) config(shards []*pth.File) (*Config, error) {
	c := &Config{
		Type: "llama", Hidden: int(p.Dim), Layers: int(p.Layers), Heads: int(p.Heads), KVHeads: int(p.Heads),
		NormEps: 1e-5, RopeTheta: 10000, MaxPositions: int(p.MaxPositions), BOS: 1, EOS: []int32{2},
	}
	if p.KVHeads != nil {
		c.KVHeads = int(*p.KVHeads)
	}
	if c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	if p.HeadDim != nil {
		c.HeadDim = int(*p.HeadDim)
	}
	if p.NormEps != nil {
		c.NormEps = *p.NormEps
	}
	if p.RopeTheta != nil {
		c.RopeTheta = *p.RopeTheta
	}
	embed, w1 := shards[0].ByName["tok_embeddings.weight"], shards[0].ByName["layers.0.feed_forward.w1.weight"]
	if len(embed.Shape) != 2 || len(w1.Shape) != 2 {
		return nil, fmt.Errorf("consolidated.00.pth has no matrix tok_embeddings.weight or layers.0.feed_forward.w1.weight")
	}
	c.Intermediate = w1.Shape[0] * len(shards)
	if c.Vocab = embed.Shape[0]; embed.Shape[1] == c.Hidden {
		c.Vocab *= len(shards)
	}
	_, head := shards[0].ByName["output.weight"]
	c.Tied = !head
	if c.Vocab == llama3Vocab {
		c.BOS, c.EOS = llama3BOS, llama3EOS()
	}
	if p.Scaled {
		c.RopeScaling = p.scaling(c)
	}
	if c.MaxPositions == 0 {
		c.MaxPositions = p.positions(c)
	}
	if p.Window != nil && *p.Window > 0 {
		c.MaxPositions = min(c.MaxPositions, int(*p.Window))
	}
	return c, c.check()
}

// scaling returns LLaMA 3.1's, which Meta's programs fix, and LLaMA 3.2's for its models of 1 and 3 billion weights.
func (p metaParams) scaling(c *Config) *RopeScaling {
	s := &RopeScaling{Type: llama3Rope, Factor: 8, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: 8192}
	if c.Vocab == llama3Vocab && c.Hidden <= 3072 {
		s.Factor = 32
	}
	if p.ScaledBy != nil {
		s.Factor = *p.ScaledBy
	}
	return s
}

// positions returns those that a model was trained for.
func (p metaParams) positions(c *Config) int {
	switch {
	case p.Scaled:
		return 131072
	case c.Vocab == llama3Vocab:
		return 8192
	case c.RopeTheta == 1e6: // Code Llama
		return 16384
	case math.Abs(c.NormEps-1e-6) < 1e-9: // the first LLaMA
		return 2048
	}
	return 4096
}
