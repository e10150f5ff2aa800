package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
)

// GGUF returns the keys that a GGUF file states a model's architecture with, and its tensors under llama.cpp's names
// and with its order of rows, ordered by layer and name. The first key is general.architecture. Open reads a file of
// both as the same model.
func (c *Config) GGUF(tensors []checkpoint.Computed) ([]gguf.Key, []checkpoint.Computed, error) {
	family, err := c.ggufFamily()
	if err != nil {
		return nil, nil, err
	}
	keys, out, err := family.keys(c)
	if err == nil {
		tensors, err = c.Together(tensors)
	}
	if err != nil {
		return nil, nil, err
	}
	names := family.names()
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, "rotary_emb.inv_freq") || t.Name == headName && c.Tied {
			continue
		}
		name := names.original(t.Name)
		if name == t.Name {
			return nil, nil, fmt.Errorf("tensor %s has no name in a GGUF file of architecture %s", name, family.name)
		}
		if t, err = family.written(t, c); err != nil {
			return nil, nil, err
		}
		t.Name = name
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b checkpoint.Computed) int {
		return cmp.Or(cmp.Compare(gguf.LayerOf(a.Name), gguf.LayerOf(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return keys, out, nil
}

// written returns a tensor's rows or elements as llama.cpp has them: those of q and k in RoPE's pairs, norms with
// their offset.
func (f ggufFamily) written(t checkpoint.Computed, c *Config) (checkpoint.Computed, error) {
	heads, offset := rotatedHeads(t.Tensor, c), c.Arch.NormOffset
	pairs, norm := heads > 0 && f.paired, offset != 0 && strings.HasSuffix(t.Name, "norm.weight")
	if pairs && len(t.Shape) == 2 {
		return t.Reordered(Neighbours(heads, c.HeadDim)), nil
	}
	if !pairs && !norm || len(t.Shape) != 1 {
		return t, nil
	}
	x, err := t.Floats()
	if err != nil {
		return t, err
	}
	y := slices.Clone(x)
	for i := range y {
		y[i] += offset
	}
	if pairs {
		for i, at := range Neighbours(heads, c.HeadDim) {
			y[i] = x[at]
		}
	}
	return checkpoint.Computed{Tensor: checkpoint.FromFloat32s(t.Name, t.Shape, y)}, nil
}

// Neighbours is the inverse of Halves: row h·Dh + 2j + s of the file is row h·Dh + s·Dh/2 + j.
func Neighbours(heads, dim int) []int32 {
	order := make([]int32, heads*dim)
	for i, at := range Halves(heads, dim) {
		order[at] = int32(i)
	}
	return order
}

// ggufFamily finds the architecture that a model is written as.
func (c *Config) ggufFamily() (ggufFamily, error) {
	name := c.Type
	if name == "mistral" || name == "" { // llama.cpp has no architecture for it: its window is lost
		name = "llama"
	}
	for _, f := range ggufFamilies {
		if f.modelType == name {
			return f, nil
		}
	}
	return ggufFamily{}, fmt.Errorf("model_type %s cannot be written as GGUF yet", c.Type)
}

// keys returns a model's keys in the order of llama.cpp's converter, general.architecture first, and the tensors of
// divisors of RoPE's frequencies where they state its scaling.
func (f ggufFamily) keys(c *Config) (keys []gguf.Key, tensors []checkpoint.Computed, err error) {
	keys = []gguf.Key{{Name: architectureKey, Value: f.name}}
	add := func(key string, value any) { keys = append(keys, gguf.Key{Name: f.name + "." + key, Value: value}) }
	count := func(key string, n int) { add(key, uint32(n)) }
	divisors := func(name string, values []float64) {
		w := make([]float32, len(values))
		for j, v := range values {
			w[j] = float32(v)
		}
		tensors = append(tensors, checkpoint.Computed{Tensor: checkpoint.FromFloat32s(name, []int{len(w)}, w)})
	}
	positions := c.MaxPositions
	if s := c.RopeScaling; s != nil && s.Type == longRope {
		positions = s.LongMaxPositions
	}
	count("block_count", c.Layers)
	count("context_length", positions)
	count("embedding_length", c.Hidden)
	count("feed_forward_length", c.Intermediate)
	count("attention.head_count", c.Heads)
	count("attention.head_count_kv", c.KVHeads)
	switch s := c.RopeScaling; {
	case s == nil:
	case s.Type == linearRope:
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
	case s.Type == yarnRope && s.Whole:
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
		count("rope.scaling.original_context_length", s.OriginalMaxPositions)
		if own := float32(s.Attention / yarnMagnitude(s.Factor)); own != 1 {
			add("rope.scaling.attn_factor", own)
		}
		if s.BetaFast != yarnFast || s.BetaSlow != yarnSlow {
			add("rope.scaling.yarn_beta_fast", float32(s.BetaFast))
			add("rope.scaling.yarn_beta_slow", float32(s.BetaSlow))
		}
	case s.Type == llama3Rope, s.Type == ropeDivisors:
		all := make([]float64, c.rotary()/2)
		for j := range all {
			f := frequency(c, j)
			all[j] = f / s.scale(c, f, j)
		}
		divisors(ropeFactors, all)
	case s.Type == longRope:
		count("rope.scaling.original_context_length", s.OriginalMaxPositions)
		add("rope.scaling.attn_factor", float32(s.attention()))
		divisors(ropeShort, s.Short)
		divisors(ropeLong, s.Long)
	default:
		return nil, nil, fmt.Errorf("this rope scaling of type %s cannot be written as GGUF", s.Type)
	}
	if !f.fixedBase {
		add("rope.freq_base", float32(c.RopeTheta))
	}
	add("attention.layer_norm_rms_epsilon", float32(c.NormEps))
	if f.headKeys || c.HeadDim*c.Heads != c.Hidden {
		count("attention.key_length", c.HeadDim)
		count("attention.value_length", c.HeadDim)
	}
	if f.sizeKeys {
		count("vocab_size", c.Vocab)
		count("rope.dimension_count", c.HeadDim)
	}
	if f.write != nil {
		f.write(c, add)
	}
	return keys, tensors, nil
}
