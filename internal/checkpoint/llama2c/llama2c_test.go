package llama2c

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
)

// small has D 4, F 6, 2 layers, 2 heads with one head of keys and values, 5 tokens, 8 positions.
func small() Header {
	return Header{Dim: 4, Hidden: 6, Layers: 2, Heads: 2, KVHeads: 1, Vocab: 5, MaxLength: 8}
}

// write writes a file whose floats count up from 1 in the order of the file; those of version 2 are quantized as q =
// 2, scale i for the i-th group.
func write(h Header) []byte {
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	vocab := int32(h.Vocab)
	if h.Version > 0 {
		put([]uint32{magic, uint32(h.Version)})
	} else if !h.Shared {
		vocab = -vocab
	}
	put([]int32{int32(h.Dim), int32(h.Hidden), int32(h.Layers), int32(h.Heads), int32(h.KVHeads), vocab,
		int32(h.MaxLength)})
	if h.Version > 0 {
		put(h.Shared)
		put(int32(h.Group))
		b.Write(make([]byte, 256-b.Len()))
	}
	next := float32(0)
	for _, p := range h.parts() {
		for range p.times {
			n := 1
			for _, d := range p.shape {
				n *= d
			}
			if h.Version == 2 && len(p.shape) == 2 {
				b.Write(bytes.Repeat([]byte{2}, n))
				n /= h.Group
			}
			for range n {
				next++
				put(next)
			}
		}
	}
	return b.Bytes()
}

func floats(t *testing.T, f *File, name string) []float32 {
	tensor, ok := f.Tensor(name)
	require.True(t, ok, name)
	require.NoError(t, tensor.Check())
	x, err := checkpoint.Float32s(tensor)
	require.NoError(t, err)
	return x
}

func TestTensorsLieInTheOrderOfTheirVersion(t *testing.T) {
	for _, c := range []struct {
		version int
		shared  bool
		first   map[string]float32 // the first element of a tensor
	}{
		// embedding 20, norms 2·4, wq 2·16, wk and wv 2·8 each, wo 2·16, norms 8, w1, w2 and w3 48 each, 4, tables 2·8
		{0, false, map[string]float32{"tok_embeddings.weight": 1, "layers.0.attention_norm.weight": 21,
			"layers.1.attention_norm.weight": 25, "layers.0.attention.wq.weight": 29, "layers.1.attention.wk.weight": 69,
			"layers.0.attention.wo.weight": 93, "layers.1.ffn_norm.weight": 129, "layers.0.feed_forward.w2.weight": 181,
			"layers.1.feed_forward.w3.weight": 253, "norm.weight": 277, "output.weight": 297}},
		{1, true, map[string]float32{"layers.0.attention_norm.weight": 1, "layers.1.ffn_norm.weight": 13,
			"norm.weight": 17, "tok_embeddings.weight": 21, "layers.0.attention.wq.weight": 41,
			"layers.0.attention.wv.weight": 89}},
		// groups of 2: the embedding has 10, wq 8
		{2, false, map[string]float32{"norm.weight": 17, "tok_embeddings.weight": 2 * 21,
			"layers.0.attention.wq.weight": 2 * 31, "layers.1.attention.wq.weight": 2 * 39}},
	} {
		h := small()
		h.Version, h.Shared = c.version, c.shared
		if c.version == 2 {
			h.Group = 2
		}
		f, err := Parse(write(h))
		require.NoError(t, err)
		require.Equal(t, h, f.Header)
		for name, want := range c.first {
			require.Equal(t, want, floats(t, f, name)[0], "version %d: %s", c.version, name)
		}
		_, head := f.Tensor("output.weight")
		require.Equal(t, !c.shared, head)
		want := 2*9 + 2
		if head {
			want++
		}
		require.Len(t, f.Names(), want)
	}
	h := small()
	h.Version, h.Group = 2, 2
	f, err := Parse(write(h))
	require.NoError(t, err)
	require.Equal(t, []float32{42, 42, 44, 44}, floats(t, f, "tok_embeddings.weight")[:4], "two to a group")
}

func TestWrongFilesAreRefusedWithAReason(t *testing.T) {
	change := func(edit func(h *Header)) []byte {
		h := small()
		edit(&h)
		return write(h)
	}
	first := func(i int, value int32) []byte {
		data := write(small())
		binary.LittleEndian.PutUint32(data[4*i:], uint32(value))
		return data
	}
	for want, data := range map[string][]byte{
		"it ends in the header":                    write(small())[:27],
		"it ends in the weights":                   write(small())[:200],
		"1 bytes behind the weights":               append(write(small()), 0),
		"version 3, want 0, 1 or 2":                change(func(h *Header) { h.Version = 3 }),
		"dim is 0, want 1 to 16777216":             first(0, 0),
		"n_layers is 2147483647, want 1 to 4096":   first(2, 1<<31-1),
		"n_kv_heads is -1":                         first(4, -1),
		"dim 4, n_heads 3 and n_kv_heads 1 do not": first(3, 3),
		"it ends in the weights: the file is truncated: download or copy it again": first(1, 1<<24),
		"group_size is 0": append(change(func(h *Header) { h.Version, h.Group = 2, 1 })[:8+28+1],
			make([]byte, 300)...),
		"20 elements, want a multiple of group_size 3": change(func(h *Header) { h.Version, h.Group = 2, 3 }),
	} {
		_, err := Parse(data)
		require.ErrorContains(t, err, want)
	}
}

func FuzzParse(f *testing.F) {
	for version := range 3 {
		h := small()
		h.Version, h.Group = version, 2
		f.Add(write(h))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer budget.Of(t, len(data))()
		file, err := Parse(data)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			require.NoError(t, tensor.Check())
		}
	})
}
