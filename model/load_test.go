package model_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func TestLayoutsLoadAlike(t *testing.T) {
	tokens, _ := sequences(40, 9)
	logits := func(c tinymodel.Config) []float32 {
		m := load(t, c, ref.New())
		out, err := m.Logits(model.Pack(tokens, nil), []int{8})
		require.NoError(t, err)
		return out
	}
	want := logits(tinymodel.Config{})
	require.Equal(t, want, logits(tinymodel.Config{Shards: 3}), "sharded")
	require.Equal(t, want, logits(tinymodel.Config{Extra: map[string]any{
		"rope_theta": nil, "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 10000.0},
		"dtype":        "float32",
		"eos_token_id": []int{2, 3}, "num_key_value_heads": 2, "head_dim": nil}}), "new spelling")
	for _, dtype := range []checkpoint.Type{checkpoint.BF16, checkpoint.F16} {
		require.InDeltaSlice(t, want, logits(tinymodel.Config{DType: dtype}), 0.5, dtype)
	}
}

func TestPicklesLoadAsSafetensors(t *testing.T) {
	tokens, _ := sequences(40, 9)
	logits := func(dir string) []float32 {
		m, err := model.Load(dir, ref.New())
		require.NoError(t, err)
		out, err := m.Logits(model.Pack(tokens, nil), []int{8})
		require.NoError(t, err)
		return out
	}
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
	want := logits(dir)
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	var parts [2][]checkpoint.Tensor
	index := map[string]string{}
	for i, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		parts[i%2] = append(parts[i%2], tensor)
		index[name] = fmt.Sprintf("pytorch_model-%05d-of-00002.bin", i%2+1)
	}
	whole := slices.Concat(parts[0], parts[1])
	require.NoError(t, tinymodel.WritePickle(filepath.Join(dir, "pytorch_model.bin"), whole))
	for i, part := range parts {
		name := fmt.Sprintf("pytorch_model-%05d-of-00002.bin", i+1)
		require.NoError(t, tinymodel.WritePickle(filepath.Join(dir, name), part))
	}
	require.NoError(t, f.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "model.safetensors")))
	require.Equal(t, want, logits(dir), "one file")
	require.NoError(t, os.Remove(filepath.Join(dir, "pytorch_model.bin")))
	text, err := json.Marshal(map[string]any{"weight_map": index})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pytorch_model.bin.index.json"), text, 0o644))
	require.Equal(t, want, logits(dir), "two files and an index")
}

func TestWrongModelsAreRefusedWithAReason(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no config", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "config.json")))
		}, "config.json"},
		{"not JSON", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o644))
		}, "config.json"},
		{"truncated", func(t *testing.T, dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, "model.safetensors"), 5000))
		}, "model.safetensors"},
		{"wrong shape", func(t *testing.T, dir string) {
			c := tinymodel.Config{Extra: map[string]any{"intermediate_size": 25}}
			require.NoError(t, tinymodel.Write(dir, c, 1))
		}, "shape [24 16], want [25 16]"},
		{"missing layer", func(t *testing.T, dir string) {
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Extra: map[string]any{"num_hidden_layers": 4}}, 1))
		}, "tensor model.layers.3.input_layernorm.weight is missing"},
		{"layer too many", func(t *testing.T, dir string) {
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Extra: map[string]any{"num_hidden_layers": 2}}, 1))
		}, "tensor model.layers.2.input_layernorm.weight has no place"},
		{"other architecture", func(t *testing.T, dir string) {
			c := tinymodel.Config{Extra: map[string]any{"architectures": []string{"GPT2LMHeadModel"}}}
			require.NoError(t, tinymodel.Write(dir, c, 1))
		}, "GPT2LMHeadModel is not supported"},
		{"missing shard", func(t *testing.T, dir string) {
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Shards: 2}, 1))
			require.NoError(t, os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors")))
		}, "of its 2 parts these are missing: model-00002-of-00002.safetensors"},
		{"a shard outside the directory", func(t *testing.T, dir string) {
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{Shards: 2}, 1))
			const shard = "model-00002-of-00002.safetensors"
			require.NoError(t, os.Rename(filepath.Join(dir, shard), filepath.Join(filepath.Dir(dir), shard)))
			index := filepath.Join(dir, "model.safetensors.index.json")
			text, err := os.ReadFile(index)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(index, bytes.ReplaceAll(text, []byte(shard), []byte("../"+shard)), 0o644))
		}, `shard "../model-00002-of-00002.safetensors" leads out of the directory that names it`},
		{"another name", func(t *testing.T, dir string) {
			require.NoError(t,
				os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "weights.bin")))
		}, "the directory has weights.bin, want model.safetensors or pytorch_model.bin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
			c.spoil(t, dir)
			_, err := model.Load(dir, ref.New())
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestBatchesOutsideTheModelAreRefused(t *testing.T) {
	m := load(t, tinymodel.Config{MaxPositions: 8}, ref.New())
	_, err := m.Loss(model.Pack([][]int32{{1, 40}}, nil))
	require.ErrorContains(t, err, "token 40 is outside the vocabulary of 40")
	_, err = m.Loss(model.Pack([][]int32{make([]int32, 9)}, nil))
	require.ErrorContains(t, err, "9 tokens is longer than the model's 8 positions")
	_, err = m.NewSession(4).Decode(make([]int32, 5))
	require.ErrorContains(t, err, "context of 4")
}
