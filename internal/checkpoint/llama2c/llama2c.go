// Package llama2c reads the checkpoints of llama2.c: a header and the weights of a LLaMA, kind by kind and layer by
// layer, under Meta's names. Neighbouring rows of wq and wk are RoPE's pairs, as in Meta's files.
//
//	version 0   7 int32; float32: embedding, attention norms, wq, wk, wv, wo, norms, w1, w2, w3, norm, tables, head
//	version 1   256 bytes of header; float32: norms of attention, of the MLP, norm, embedding, wq … w3, head
//	version 2   as 1, but matrices are int8 with a float32 scale for every group of elements behind them
//
// A head that equals the embedding is left out. A file is not trusted: its dimensions are checked against its size.
package llama2c

import (
	"encoding/binary"
	"errors"
	"fmt"

	"fettle/internal/checkpoint"
)

// Header holds the dimensions of a model.
type Header struct {
	Version                                               int
	Dim, Hidden, Layers, Heads, KVHeads, Vocab, MaxLength int
	Shared                                                bool // the head is the embedding
	Group                                                 int  // elements that share a scale, version 2 only
}

// File holds an open file.
type File struct {
	checkpoint.Tensors
	Header Header
}

// Open opens the file at path.
func Open(path string) (*File, error) { return checkpoint.Open(path, Parse) }

// Parse reads a whole file from memory. Tensors of float32 are windows into data, those of version 2 are dequantized.
func Parse(data []byte) (*File, error) {
	h, at, err := header(data)
	if err != nil {
		return nil, fmt.Errorf("llama2.c checkpoint: %w", err)
	}
	f := &File{Header: h, Tensors: checkpoint.Tensors{ByName: map[string]checkpoint.Tensor{}}}
	r := &reader{rest: data[at:], group: h.Group, add: func(t checkpoint.Tensor) { f.ByName[t.Name] = t }}
	for _, p := range h.parts() {
		for l := range p.times {
			r.read(p, l)
		}
	}
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("llama2.c checkpoint: %w", r.err)
	case len(r.rest) > 0:
		return nil, fmt.Errorf("llama2.c checkpoint: %d bytes behind the weights of %+v", len(r.rest), h)
	}
	return f, nil
}

const magic = 0x616b3432 // "ak42"

// header reads the dimensions and returns where the weights begin.
func header(data []byte) (h Header, at int, err error) {
	const dims, size = 7, 256
	numbers := data
	if len(data) >= size && binary.LittleEndian.Uint32(data) == magic {
		if h.Version = int(int32(binary.LittleEndian.Uint32(data[4:]))); h.Version < 1 || h.Version > 2 {
			return h, 0, fmt.Errorf("version %d, want 0, 1 or 2", h.Version)
		}
		numbers, at = data[8:size], size
		h.Shared = numbers[4*dims] != 0
		if h.Version == 2 {
			h.Group = int(int32(binary.LittleEndian.Uint32(numbers[4*dims+1:])))
		}
	} else if at = 4 * dims; len(data) < at {
		return h, 0, errors.New("it ends in the header: the file is truncated: download or copy it again")
	}
	for i, into := range [dims]*int{
		&h.Dim, &h.Hidden, &h.Layers, &h.Heads, &h.KVHeads, &h.Vocab, &h.MaxLength,
	} {
		*into = int(int32(binary.LittleEndian.Uint32(numbers[4*i:])))
	}
	if h.Version == 0 { // the sign of the vocabulary says it
		h.Shared = h.Vocab > 0
		h.Vocab = max(h.Vocab, -h.Vocab)
	}
	return h, at, h.check()
}

// check refuses dimensions that no model has.
func (h Header) check() error {
	const most, mostLayers = 1 << 24, 1 << 12
	for _, d := range []struct {
		name        string
		value, most int
	}{
		{"dim", h.Dim, most}, {"hidden_dim", h.Hidden, most}, {"n_layers", h.Layers, mostLayers},
		{"n_heads", h.Heads, most}, {"n_kv_heads", h.KVHeads, most}, {"vocab_size", h.Vocab, most},
		{"seq_len", h.MaxLength, most},
	} {
		if d.value < 1 || d.value > d.most {
			return fmt.Errorf("%s is %d, want 1 to %d", d.name, d.value, d.most)
		}
	}
	switch {
	case h.Dim%h.Heads != 0 || h.Heads%h.KVHeads != 0:
		return fmt.Errorf("dim %d, n_heads %d and n_kv_heads %d do not divide each other", h.Dim, h.Heads, h.KVHeads)
	case h.Version == 2 && h.Group < 1:
		return fmt.Errorf("group_size is %d, want 1 or more", h.Group)
	}
	return nil
}
