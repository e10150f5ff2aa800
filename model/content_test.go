package model_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// wide is a model whose embedding (9 MiB) is hashed in several chunks, and of which the fingerprint sees only the ends.
func wide(t *testing.T) (*model.Config, map[string]checkpoint.Tensor) {
	c, err := model.ParseConfig([]byte(`{"hidden_size": 256, "intermediate_size": 8, "num_hidden_layers": 1,
		"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 9216,
		"max_position_embeddings": 8, "model_type": "qwen2"}`))
	require.NoError(t, err)
	tensors := map[string]checkpoint.Tensor{}
	for _, w := range c.Tensors() {
		values := make([]float32, w.Size())
		for i := range values {
			values[i] = float32(i%7) / 8
		}
		tensors[w.Name] = checkpoint.FromFloat32s(w.Name, w.Shape, values)
	}
	return c, tensors
}

func TestEveryByteOfTheWeightsCounts(t *testing.T) {
	c, tensors := wide(t)
	load := func() *model.Model {
		m, err := model.New(c, tensors, ref.New())
		require.NoError(t, err)
		return m
	}
	want := load()
	require.Len(t, want.Content(), 64)
	for _, threads := range []int{1, 3} {
		before := runtime.GOMAXPROCS(threads)
		require.Equal(t, want.Content(), load().Content(), "%d threads", threads)
		runtime.GOMAXPROCS(before)
	}
	if testing.Short() {
		return // the rest loads some fifty times
	}
	seen := []string{want.Content()}
	for name, x := range tensors {
		for _, at := range []int{0, len(x.Data) / 3, len(x.Data) / 2, len(x.Data) - 1} {
			x.Data[at] ^= 1
			m := load()
			require.NotContains(t, seen, m.Content(), "%s, byte %d", name, at)
			seen = append(seen, m.Content())
			if name == "model.embed_tokens.weight" && at > 4096 && at < len(x.Data)-4096 {
				require.Equal(t, want.Fingerprint(), m.Fingerprint())
			}
			x.Data[at] ^= 1
		}
	}
	require.Equal(t, want.Content(), load().Content())
}

// Weights in a mapped file are hashed when the hash is asked for, others while they are loaded.
func TestMappedWeightsHaveTheSameHash(t *testing.T) {
	for _, c := range []tinymodel.Config{{Hidden: 64, Heads: 4}, {Tied: true}, {Shards: 3, DType: checkpoint.BF16}} {
		dir := t.TempDir()
		require.NoError(t, tinymodel.Write(dir, c, 5))
		s, err := model.Open(dir)
		require.NoError(t, err)
		for _, dev := range devices(t) {
			for _, quantization := range []string{"none", "int8"} {
				want, err := model.NewAs(s.Config, s.Tensors, dev, quantization)
				require.NoError(t, err)
				got, err := model.LoadAs(dir, dev, quantization)
				require.NoError(t, err)
				require.Equal(t, want.Content(), got.Content())
				require.Equal(t, want.Content(), got.Content(), "asked again")
			}
		}
	}
}

func TestWeightsThatAreNotFiniteAreRefused(t *testing.T) {
	c, tensors := wide(t)
	for name, bad := range map[string]struct{ row, at int }{
		"model.embed_tokens.weight":                      {9000, 9000*256 + 255},
		"model.layers.0.self_attn.k_proj.weight":         {0, 1},
		"model.layers.0.self_attn.k_proj.bias":           {3, 3},
		"model.norm.weight":                              {255, 255},
		"model.layers.0.mlp.down_proj.weight":            {255, 255*8 + 7},
		"model.layers.0.input_layernorm.weight":          {1, 1},
		"model.layers.0.self_attn.o_proj.weight":         {17, 17 * 256},
		"model.layers.0.mlp.gate_proj.weight":            {7, 7*256 + 3},
		"model.layers.0.post_attention_layernorm.weight": {0, 0},
	} {
		for _, v := range []float64{math.NaN(), math.Inf(-1)} {
			x := tensors[name]
			kept := slices.Clone(x.Data)
			binary.LittleEndian.PutUint32(x.Data[bad.at*4:], math.Float32bits(float32(v)))
			_, err := model.New(c, tensors, ref.New())
			require.ErrorContains(t, err, "tensor "+name)
			require.ErrorContains(t, err, fmt.Sprintf("row %d has a number that is not finite", bad.row))
			copy(x.Data, kept)
		}
	}
	_, err := model.New(c, tensors, ref.New())
	require.NoError(t, err)
}

// A vector of more than 8 KiB has bytes that the fingerprint does not hold.
func TestEveryByteOfVectorsCounts(t *testing.T) {
	c, err := model.ParseConfig([]byte(`{"hidden_size": 4096, "intermediate_size": 8, "num_hidden_layers": 1,
		"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8, "vocab_size": 8,
		"max_position_embeddings": 8, "model_type": "llama"}`))
	require.NoError(t, err)
	tensors := map[string]checkpoint.Tensor{}
	for _, w := range c.Tensors() {
		tensors[w.Name] = checkpoint.FromFloat32s(w.Name, w.Shape, make([]float32, w.Size()))
	}
	load := func() *model.Model {
		m, err := model.New(c, tensors, ref.New())
		require.NoError(t, err)
		return m
	}
	want := load()
	for name, x := range tensors {
		for _, at := range []int{0, len(x.Data) / 2, len(x.Data) - 1} {
			x.Data[at] ^= 1
			m := load()
			require.NotEqual(t, want.Content(), m.Content(), "%s, byte %d", name, at)
			if at != len(x.Data)/2 {
				require.NotEqual(t, want.Fingerprint(), m.Fingerprint(), "%s, byte %d", name, at)
			}
			x.Data[at] ^= 1
		}
	}
}
