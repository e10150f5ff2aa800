package llama2c

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
)

// part is a run of tensors of one kind, one for every layer or one alone.
type part struct {
	name  string // "" for tables that are computed anew; %d is the layer
	shape []int
	times int
}

// parts lists a file's tensors in their order.
func (h Header) parts() []part {
	kv := h.Dim / h.Heads * h.KVHeads
	of := func(name string, shape ...int) part { return part{"layers.%d." + name + ".weight", shape, h.Layers} }
	one := func(name string, shape ...int) part { return part{name, shape, 1} }
	attention, mlp := of("attention_norm", h.Dim), of("ffn_norm", h.Dim)
	norm, embedding := one("norm.weight", h.Dim), one("tok_embeddings.weight", h.Vocab, h.Dim)
	heads := []part{
		of("attention.wq", h.Dim, h.Dim), of("attention.wk", kv, h.Dim), of("attention.wv", kv, h.Dim),
		of("attention.wo", h.Dim, h.Dim),
	}
	hidden := []part{
		of("feed_forward.w1", h.Hidden, h.Dim), of("feed_forward.w2", h.Dim, h.Hidden),
		of("feed_forward.w3", h.Hidden, h.Dim),
	}
	var all []part
	if h.Version == 0 {
		table := one("", h.MaxLength, h.Dim/h.Heads/2)
		all = slices.Concat([]part{embedding, attention}, heads, []part{mlp}, hidden, []part{norm, table, table})
	} else {
		all = slices.Concat([]part{attention, mlp, norm, embedding}, heads, hidden)
	}
	if !h.Shared {
		all = append(all, one("output.weight", h.Vocab, h.Dim))
	}
	return all
}

// reader takes tensors off the weights.
type reader struct {
	rest  []byte
	group int // 0: not quantized
	add   func(checkpoint.Tensor)
	err   error
}

var errTruncated = errors.New("it ends in the weights: the file is truncated: download or copy it again")

// take returns the next n elements of a width; nil after an error.
func (r *reader) take(n, width int) []byte {
	if r.err == nil && n > len(r.rest)/width {
		r.err = errTruncated
	}
	if r.err != nil {
		return nil
	}
	raw := r.rest[: n*width : n*width]
	r.rest = r.rest[n*width:]
	return raw
}

// read reads the tensor of a part and a layer.
func (r *reader) read(p part, layer int) {
	n := 1
	for _, d := range p.shape {
		n *= d // at most 2^48
	}
	t := checkpoint.Tensor{Name: p.name, Type: checkpoint.F32, Shape: p.shape}
	if strings.Contains(p.name, "%d") {
		t.Name = fmt.Sprintf(p.name, layer)
	}
	if r.group > 0 && len(p.shape) == 2 {
		t = r.dequantized(t, n)
	} else {
		t.Data = r.take(n, 4)
	}
	if r.err == nil && p.name != "" {
		r.add(t)
	}
}

// dequantized reads n int8 and the scales of their groups, which may go on from row to row: x = q·scale.
func (r *reader) dequantized(t checkpoint.Tensor, n int) checkpoint.Tensor {
	if n%r.group != 0 && r.err == nil {
		r.err = fmt.Errorf("tensor %s: %d elements, want a multiple of group_size %d", t.Name, n, r.group)
	}
	q := r.take(n, 1)
	scales := r.take(n/max(1, r.group), 4)
	if r.err != nil {
		return t
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(int8(q[i])) * math.Float32frombits(binary.LittleEndian.Uint32(scales[i/r.group*4:]))
	}
	out := checkpoint.FromFloat32s(t.Name, t.Shape, values)
	out.Own = true
	return out
}
