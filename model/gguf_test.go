package model_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// ggufNames are llama.cpp's names of tensors by Hugging Face's.
var ggufNames = strings.NewReplacer(
	"model.embed_tokens", "token_embd", "model.norm", "output_norm", "lm_head", "output", "model.layers", "blk",
	"input_layernorm", "attn_norm", "post_attention_layernorm", "ffn_norm", "self_attn.q_proj", "attn_q",
	"self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v", "self_attn.o_proj", "attn_output",
	"mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down")

// ggufKeys are the keys that llama.cpp requires of a model of tinymodel.
func ggufKeys() map[string]any {
	return map[string]any{
		"general.architecture": "llama", "llama.block_count": uint32(3), "llama.context_length": uint32(64),
		"llama.embedding_length": uint32(16), "llama.feed_forward_length": uint32(24),
		"llama.attention.head_count": uint32(4), "llama.attention.head_count_kv": uint32(2),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
	}
}

// ggufTensors returns the tensors of a directory as llama.cpp has them: rows of q and k in RoPE's pairs.
func ggufTensors(t *testing.T, dir string) map[string]checkpoint.Tensor {
	s, err := model.Open(dir)
	require.NoError(t, err)
	all := map[string]checkpoint.Tensor{}
	for name, tensor := range s.Tensors {
		heads := 0
		switch {
		case strings.Contains(name, "q_proj"):
			heads = s.Config.Heads
		case strings.Contains(name, "k_proj"):
			heads = s.Config.KVHeads
		}
		if heads > 0 { // W.reshape(h, 2, d/2, in).swapaxes(1, 2)
			d := s.Config.HeadDim
			for h := range heads {
				for j := range d / 2 {
					for half := range 2 {
						tensor.Order = append(tensor.Order, int32(h*d+half*d/2+j))
					}
				}
			}
		}
		tensor.Name = ggufNames.Replace(name)
		all[tensor.Name] = tensor
	}
	return all
}

// writeGGUF writes a file.
func writeGGUF(t *testing.T, path string, keys map[string]any, tensors map[string]checkpoint.Tensor) {
	var list []gguf.Key
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, gguf.Key{Name: name, Value: keys[name]})
	}
	var out []checkpoint.Lazy
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		out = append(out, tensors[name].Lazy())
	}
	require.NoError(t, gguf.Write(path, list, out))
}

func TestGGUFEqualsTheDirectoryItWasMadeOf(t *testing.T) {
	tokens, _ := sequences(40, 9)
	for _, c := range []struct {
		reason string
		base   tinymodel.Config
		keys   map[string]any // nil: removed
		more   map[string]checkpoint.Tensor
	}{
		{"required keys alone", tinymodel.Config{}, nil, nil},
		{"tied", tinymodel.Config{Tied: true}, nil, nil},
		{"bfloat16", tinymodel.Config{DType: checkpoint.BF16}, nil, nil},
		{"one key and value head for each query head", tinymodel.Config{KVHeads: 4},
			map[string]any{"llama.attention.head_count_kv": nil}, nil},
		{"wide heads", tinymodel.Config{HeadDim: 8}, map[string]any{"llama.attention.key_length": uint32(8),
			"llama.attention.value_length": uint32(8), "llama.rope.dimension_count": uint32(8)}, nil},
		{"numbers of every kind, and lists of one value", tinymodel.Config{}, map[string]any{
			"llama.block_count": uint64(3), "llama.embedding_length": int32(16),
			"llama.feed_forward_length": []int32{24, 24, 24}, "llama.attention.head_count": []uint32{4, 4, 4},
			"llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": uint32(10000)}, nil},
		{"another base of RoPE", tinymodel.Config{Extra: map[string]any{"rope_theta": 500000.0}},
			map[string]any{"llama.rope.freq_base": float32(500000)}, nil},
		{"linear scaling", tinymodel.Config{Extra: map[string]any{
			"rope_scaling": map[string]any{"type": "linear", "factor": 4.0}}},
			map[string]any{"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float32(4)}, nil},
		{"linear scaling that no key names", tinymodel.Config{Extra: map[string]any{
			"rope_scaling": map[string]any{"type": "linear", "factor": 2.0}}},
			map[string]any{"llama.rope.scale_linear": float32(2)}, nil},
		{"YaRN of another strength", tinymodel.Config{Extra: map[string]any{"rope_scaling": map[string]any{"type": "yarn",
			"factor": 4.0, "original_max_position_embeddings": 16, "attention_factor": (0.1*math.Log(4) + 1) * 2}}},
			map[string]any{"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": float32(4),
				"llama.rope.scaling.original_context_length": uint32(16), "llama.rope.scaling.yarn_attn_factor": float32(2),
				"llama.rope.scaling.yarn_ext_factor": float32(-1)}, nil},
		{"no scaling, whatever the factor", tinymodel.Config{},
			map[string]any{"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": float32(4)}, nil},
		{"LLaMA 3's scaling as a tensor", tinymodel.Config{Extra: map[string]any{"rope_scaling": map[string]any{
			"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
			"original_max_position_embeddings": 13}}}, nil, map[string]checkpoint.Tensor{"rope_freqs.weight": checkpoint.
			FromFloat32s("rope_freqs.weight", []int{2}, []float32{2.28939917, 8})}},
		{"divisors of one", tinymodel.Config{}, nil, map[string]checkpoint.Tensor{"rope_freqs.weight": checkpoint.
			FromFloat32s("rope_freqs.weight", []int{2}, []float32{1, 1})}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, tinymodel.Write(dir, c.base, 1))
			keys, tensors, path := ggufKeys(), ggufTensors(t, dir), filepath.Join(dir, "x.gguf")
			maps.Copy(keys, c.keys)
			maps.DeleteFunc(keys, func(_ string, v any) bool { return v == nil })
			maps.Copy(tensors, c.more)
			writeGGUF(t, path, keys, tensors)
			want, err := model.Load(dir, ref.New())
			require.NoError(t, err)
			got, err := model.Load(path, ref.New())
			require.NoError(t, err)
			z, err := want.Logits(model.Pack(tokens, nil), []int{3, 8})
			require.NoError(t, err)
			x, err := got.Logits(model.Pack(tokens, nil), []int{3, 8})
			require.NoError(t, err)
			require.Equal(t, z, x)
			shape := *want.Config()
			shape.BOS, shape.EOS = -1, nil // a file without a tokenizer names none
			require.Equal(t, shape, *got.Config())
			again, err := model.ReadConfig(path)
			require.NoError(t, err)
			require.Equal(t, got.Config(), again)
		})
	}
}

func TestVectorsOfAnyTypeAreRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Hidden: 128, Intermediate: 64}, 1))
	keys := ggufKeys()
	keys["llama.embedding_length"], keys["llama.feed_forward_length"] = uint32(128), uint32(64)
	for _, as := range []checkpoint.Type{
		checkpoint.F32, checkpoint.F16, checkpoint.BF16, checkpoint.F64, checkpoint.Q8_0,
	} {
		path, wants := filepath.Join(t.TempDir(), "x.gguf"), filepath.Join(t.TempDir(), "y.gguf")
		tensors, plain := ggufTensors(t, dir), ggufTensors(t, dir)
		for l := range 3 {
			for part, n := range map[string]int{"q": 128, "k": 64, "v": 64} {
				name, bias := fmt.Sprintf("blk.%d.attn_%s.bias", l, part), make([]float32, n)
				for i := range bias {
					bias[i] = float32(math.Sin(float64(i)))
				}
				tensors[name] = checkpoint.FromFloat32s(name, []int{n}, bias)
			}
		}
		for name, tensor := range tensors {
			if len(tensor.Shape) != 1 {
				continue
			}
			x, err := checkpoint.Float32s(tensor)
			require.NoError(t, err)
			size, err := as.Bytes(tensor.Shape)
			require.NoError(t, err)
			one := checkpoint.Tensor{Name: name, Type: as, Shape: tensor.Shape, Data: make([]byte, size)}
			if as == checkpoint.F64 {
				for i, v := range x {
					binary.LittleEndian.PutUint64(one.Data[8*i:], math.Float64bits(float64(v)))
				}
			} else {
				require.NoError(t, checkpoint.Encode(as, one.Data, x))
			}
			tensors[name] = one
			rounded, err := checkpoint.Float32s(one)
			require.NoError(t, err)
			plain[name] = checkpoint.FromFloat32s(name, tensor.Shape, rounded)
		}
		writeGGUF(t, path, keys, tensors)
		writeGGUF(t, wants, keys, plain)
		require.Equal(t, lastLogits(t, wants), lastLogits(t, path), as)
	}
}
