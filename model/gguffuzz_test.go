package model

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/compute/ref"
)

// FuzzGGUF changes a small file of a LLaMA: whatever it states, it is refused, or makes a model that computes.
func FuzzGGUF(f *testing.F) {
	c := &Config{
		Type: "llama", Hidden: 4, Intermediate: 4, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 2, Vocab: 3, MaxPositions: 8,
		NormEps: 1e-5, RopeTheta: 10000,
	}
	for _, name := range []string{"llama", "qwen2", "gemma2", "phi3"} {
		one := *c
		one.Type, one.Arch = name, families[name].arch
		var tensors []checkpoint.Computed
		for _, w := range one.Tensors() {
			t := checkpoint.FromFloat32s(w.Name, w.Shape, make([]float32, w.Size()))
			tensors = append(tensors, checkpoint.Computed{Tensor: t})
		}
		keys, tensors, err := one.GGUF(tensors)
		require.NoError(f, err)
		var lazy []checkpoint.Lazy
		for _, t := range tensors {
			lazy = append(lazy, t.As(checkpoint.F32))
		}
		var out bytes.Buffer
		require.NoError(f, gguf.Encode(&out, keys, lazy))
		f.Add(out.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer budget.Of(t, len(data))()
		file, err := gguf.Parse(data)
		if err != nil {
			return
		}
		s, err := fromGGUF(file)
		if err != nil {
			return
		}
		m, err := New(s.Config, s.Tensors, ref.New())
		if err != nil || s.Config.Vocab < 1 {
			return
		}
		_, err = m.NewSession(2).Decode([]int32{0})
		require.NoError(t, err)
	})
}
