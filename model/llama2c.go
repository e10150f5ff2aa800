package model

import (
	"fmt"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/llama2c"
)

// openLlama2C opens a checkpoint of llama2.c, whose program fixes what the file does not state.
func openLlama2C(path string, _ extent) (*Source, error) {
	f, err := llama2c.Open(path)
	if err != nil {
		return nil, err
	}
	h := f.Header
	c := &Config{
		Type: "llama", Hidden: h.Dim, Intermediate: h.Hidden, Layers: h.Layers, Heads: h.Heads, KVHeads: h.KVHeads,
		HeadDim: h.Dim / h.Heads, Vocab: h.Vocab, MaxPositions: h.MaxLength, NormEps: 1e-5, RopeTheta: 10000,
		Tied: h.Shared, BOS: 1, EOS: []int32{2},
	}
	s := &Source{Config: c, Tensors: map[string]checkpoint.Tensor{}}
	err = c.check()
	for _, t := range f.ByName {
		if err == nil {
			err = s.take(t, metaNames, true)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}
