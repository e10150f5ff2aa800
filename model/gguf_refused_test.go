package model_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute/ref"
	"fettle/internal/identify"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func TestWrongGGUFsAreRefusedWithAReason(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
	floats := func(name string, values ...float32) map[string]checkpoint.Tensor {
		return map[string]checkpoint.Tensor{name: checkpoint.FromFloat32s(name, []int{len(values)}, values)}
	}
	for _, c := range []struct {
		want string
		keys map[string]any // nil: removed
		more map[string]checkpoint.Tensor
		less string
	}{
		{"key general.architecture is missing", map[string]any{"general.architecture": nil}, nil, ""},
		{`architecture "falcon" is not supported`, map[string]any{"general.architecture": "falcon"}, nil, ""},
		{`key general.type is "adapter", want a model: give it as --adapter_name_or_path`,
			map[string]any{"general.type": "adapter"}, nil, ""},
		{`key general.type is "mmproj", want a model`, map[string]any{"general.type": "mmproj"}, nil, ""},
		{"key llama.block_count is missing", map[string]any{"llama.block_count": nil}, nil, ""},
		{"key llama.context_length is missing", map[string]any{"llama.context_length": nil}, nil, ""},
		{"key llama.attention.layer_norm_rms_epsilon is missing",
			map[string]any{"llama.attention.layer_norm_rms_epsilon": nil}, nil, ""},
		{`key llama.block_count is "3", want a whole number`, map[string]any{"llama.block_count": "3"}, nil, ""},
		{"key llama.block_count is 1152921504606846976, want a whole number up to",
			map[string]any{"llama.block_count": uint64(1 << 60)}, nil, ""},
		{"key llama.embedding_length is -16, want", map[string]any{"llama.embedding_length": int32(-16)}, nil, ""},
		{"key llama.embedding_length is 16.5, want", map[string]any{"llama.embedding_length": float32(16.5)}, nil, ""},
		{"num_attention_heads is 0", map[string]any{"llama.attention.head_count": uint32(0)}, nil, ""},
		{"num_hidden_layers is 1000000, want at most", map[string]any{"llama.block_count": uint32(1000000)}, nil, ""},
		{"key llama.feed_forward_length is [24 24 32]: layers that differ are not supported",
			map[string]any{"llama.feed_forward_length": []uint32{24, 24, 32}}, nil, ""},
		{"key llama.attention.head_count has 2 values, want one for each of 3 layers",
			map[string]any{"llama.attention.head_count": []uint32{4, 4}}, nil, ""},
		{"key llama.attention.head_count is [-4 -4 -4], want",
			map[string]any{"llama.attention.head_count": []int32{-4, -4, -4}}, nil, ""},
		{"key llama.attention.head_count_kv has 0 values", map[string]any{
			"llama.attention.head_count_kv": []uint32{}}, nil, ""},
		{"key llama.attention.value_length is 8, want 4", map[string]any{"llama.attention.value_length": uint32(8)}, nil,
			""},
		{"key llama.rope.dimension_count is 2, want 4", map[string]any{"llama.rope.dimension_count": uint32(2)}, nil, ""},
		{"key llama.expert_count is 8, want 0", map[string]any{"llama.expert_count": uint32(8)}, nil, ""},
		{`key llama.rope.scaling.type is "longcat", which is not supported`, map[string]any{
			"llama.rope.scaling.type": "longcat", "llama.rope.scaling.factor": float32(2)}, nil, ""},
		{"key llama.rope.scaling.yarn_ext_factor is 0.5, want 1", map[string]any{"llama.rope.scaling.type": "yarn",
			"llama.rope.scaling.factor": float32(2), "llama.rope.scaling.yarn_ext_factor": float32(0.5)}, nil, ""},
		{"key llama.rope.scaling.type is 2, want a text", map[string]any{"llama.rope.scaling.type": uint32(2)}, nil, ""},
		{"rms_norm_eps 0 and", map[string]any{"llama.attention.layer_norm_rms_epsilon": float32(0)}, nil, ""},
		{"num_attention_heads 4 is not a multiple of num_key_value_heads 3",
			map[string]any{"llama.attention.head_count_kv": uint32(3)}, nil, ""},
		{"tensor rope_freqs.weight: shape [3], want [2]", nil, floats("rope_freqs.weight", 1, 2, 3), ""},
		{"tensor rope_freqs.weight: a divisor of a frequency is 0", nil, floats("rope_freqs.weight", 1, 0), ""},
		{"tensor blk.0.ffn_gate_inp.weight has no place", nil, floats("blk.0.ffn_gate_inp.weight", 1), ""},
		{"tensor blk.1.attn_k.weight is missing", nil, nil, "blk.1.attn_k.weight"},
		{"tensor token_embd.weight is missing or no matrix", nil, nil, "token_embd.weight"},
		{"tensor token_embd.weight is missing or no matrix", nil, floats("token_embd.weight", 1, 2), ""},
		{"tensor model.layers.0.self_attn.q_proj.weight: shape [16 16], want [32 16]",
			map[string]any{"llama.attention.key_length": uint32(8), "llama.attention.value_length": uint32(8)}, nil, ""},
	} {
		t.Run(c.want, func(t *testing.T) {
			keys, tensors, path := ggufKeys(), ggufTensors(t, dir), filepath.Join(t.TempDir(), "x.gguf")
			maps.Copy(keys, c.keys)
			maps.DeleteFunc(keys, func(_ string, v any) bool { return v == nil })
			maps.Copy(tensors, c.more)
			delete(tensors, c.less)
			writeGGUF(t, path, keys, tensors)
			_, err := model.Load(path, ref.New())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path, "the file is named")
		})
	}
}

func TestDivisorsWithoutARuleAreKept(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
	tensors, path := ggufTensors(t, dir), filepath.Join(dir, "x.gguf")
	tensors["rope_freqs.weight"] = checkpoint.FromFloat32s("rope_freqs.weight", []int{2}, []float32{3, 2})
	writeGGUF(t, path, ggufKeys(), tensors)
	c, err := model.ReadConfig(path)
	require.NoError(t, err)
	require.Equal(t, []float64{3, 2}, c.RopeScaling.Divisors)
}

func TestPartsOfAGGUFAreOneModel(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
	tensors := ggufTensors(t, dir)
	parts := [3]map[string]checkpoint.Tensor{{}, {}, {}}
	i := 0
	for name, tensor := range tensors {
		parts[i%2][name] = tensor // the last has none
		i++
	}
	in := filepath.Join(dir, "parts")
	require.NoError(t, os.Mkdir(in, 0o755))
	name := func(i int) string { return filepath.Join(in, fmt.Sprintf("m-%05d-of-00003.gguf", i+1)) }
	for i, part := range parts {
		keys := map[string]any{"split.no": uint16(i), "split.count": uint16(3), "split.tensors.count": int32(30)}
		if i == 0 {
			maps.Copy(keys, ggufKeys())
		}
		writeGGUF(t, name(i), keys, part)
	}
	whole := filepath.Join(dir, "x.gguf")
	writeGGUF(t, whole, ggufKeys(), tensors)
	want, err := model.Load(whole, ref.New())
	require.NoError(t, err)
	for _, path := range []string{name(0), in} {
		got, err := model.Load(path, ref.New())
		require.NoError(t, err)
		require.Equal(t, want.Fingerprint(), got.Fingerprint())
		require.Equal(t, want.Content(), got.Content())
		s, err := model.Open(path)
		require.NoError(t, err)
		require.Equal(t, name(0), s.Path)
		require.Equal(t, identify.GGUFModel, s.Format)
	}
	_, err = model.Load(name(1), ref.New())
	require.ErrorContains(t, err, "it is part 2 of 3: give the first one")
	require.NoError(t, os.Remove(name(2)))
	_, err = model.Load(in, ref.New())
	require.ErrorContains(t, err, "m-00003-of-00003.gguf: no such file or directory: a part of m-00001-of-00003.gguf")
}
