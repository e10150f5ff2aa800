package model_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
)

// writeFamily writes a random model of a family, of the keys of config.json beside those of a small LLaMA.
func writeFamily(t *testing.T, keys map[string]any) string {
	dir := t.TempDir()
	all := map[string]any{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 6, "num_attention_heads": 4,
		"num_key_value_heads": 2, "head_dim": 4, "vocab_size": 40, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
		"tie_word_embeddings": false, "bos_token_id": nil, "eos_token_id": nil}
	for key, value := range keys {
		all[key] = value
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
	c, err := model.ReadConfig(dir)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 0))
	var list []checkpoint.Tensor
	for _, w := range c.Tensors() {
		values := make([]float32, w.Size())
		for i := range values {
			values[i] = float32(random.NormFloat64() / 2)
			if len(w.Shape) == 1 && c.Arch.NormOffset == 0 {
				values[i] = 1 + values[i]/5
			}
		}
		list = append(list, checkpoint.FromFloat32s(w.Name, w.Shape, values))
	}
	file, err := os.Create(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(file, list, nil))
	require.NoError(t, file.Close())
	return dir
}

// writeAsGGUF writes a model as a GGUF file, its matrices in a type, with more keys.
func writeAsGGUF(t *testing.T, from, to string, matrices checkpoint.Type, more ...gguf.Key) {
	s, err := model.Open(from)
	require.NoError(t, err)
	var tensors []checkpoint.Computed
	for _, tensor := range s.Tensors {
		tensors = append(tensors, checkpoint.Computed{Tensor: tensor})
	}
	keys, tensors, err := s.Config.GGUF(tensors)
	require.NoError(t, err)
	var out []checkpoint.Lazy
	for _, tensor := range tensors {
		stored := checkpoint.F32
		if len(tensor.Shape) == 2 {
			stored = matrices
		}
		out = append(out, tensor.As(stored))
	}
	require.NoError(t, gguf.Write(to, append(keys, more...), out))
}

func TestFamiliesComputeTheSameFromGGUF(t *testing.T) {
	for _, c := range []struct {
		reason string
		keys   map[string]any
	}{
		{"llama with biases", map[string]any{"model_type": "llama", "attention_bias": true, "mlp_bias": true}},
		{"qwen2", map[string]any{"model_type": "qwen2"}},
		{"qwen3", map[string]any{"model_type": "qwen3", "head_dim": 8}},
		{"smollm3", map[string]any{"model_type": "smollm3", "rope_theta": 5e6}},
		{"gemma", map[string]any{"model_type": "gemma", "tie_word_embeddings": true}},
		{"gemma2", map[string]any{"model_type": "gemma2", "tie_word_embeddings": true, "query_pre_attn_scalar": 4,
			"sliding_window": 5}},
		{"gemma3", map[string]any{"model_type": "gemma3_text", "tie_word_embeddings": true, "sliding_window": 5,
			"query_pre_attn_scalar": 4, "rope_theta": 1e6}},
		{"phi3", map[string]any{"model_type": "phi3"}},
		{"phi3 that rotates half of its heads", map[string]any{"model_type": "phi3", "partial_rotary_factor": 0.5,
			"original_max_position_embeddings": 64}},
		{"phi3 with longrope", map[string]any{"model_type": "phi3", "original_max_position_embeddings": 32,
			"rope_scaling": map[string]any{"type": "longrope", "short_factor": []float64{1.25, 2},
				"long_factor": []float64{3, 4}}}},
		{"llama with yarn", map[string]any{"model_type": "llama", "rope_scaling": map[string]any{"rope_type": "yarn",
			"factor": 4.0, "original_max_position_embeddings": 16}}},
		{"llama with yarn of another strength", map[string]any{"model_type": "llama", "rope_scaling": map[string]any{
			"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "attention_factor": 1.5}}},
		{"llama with yarn over other frequencies", map[string]any{"model_type": "llama", "rope_scaling": map[string]any{
			"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 4.0,
			"beta_slow": 0.5}}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir := writeFamily(t, c.keys)
			path := filepath.Join(dir, "x.gguf")
			writeAsGGUF(t, dir, path, checkpoint.F32)
			want, err := model.ReadConfig(dir)
			require.NoError(t, err)
			got, err := model.ReadConfig(path)
			require.NoError(t, err)
			require.Equal(t, want.Type, got.Type)
			require.Equal(t, want.Arch.Windows, got.Arch.Windows)
			require.Equal(t, want.MaxPositions, got.MaxPositions)
			require.InDeltaSlice(t, lastLogits(t, dir), lastLogits(t, path), 1e-5)
		})
	}
}

// llama.cpp multiplies by the square root in float32: √24 is 4.899, and 4.906 in BF16.
func TestEmbeddingsOfGemmaAreScaledExactlyFromGGUF(t *testing.T) {
	dir := writeFamily(t, map[string]any{"model_type": "gemma", "tie_word_embeddings": true, "hidden_size": 24})
	coarse, wide := filepath.Join(dir, "bf16.gguf"), filepath.Join(dir, "f32.gguf")
	writeAsGGUF(t, dir, coarse, checkpoint.BF16)
	writeAsGGUF(t, coarse, wide, checkpoint.F32)
	require.InDeltaSlice(t, lastLogits(t, wide), lastLogits(t, coarse), 1e-5)
}

func TestGemmasFilesSayWhichLayersHaveAWindow(t *testing.T) {
	for _, c := range []struct {
		family  string
		pattern uint32
		want    []int
	}{
		{"gemma2", 3, []int{5, 5, 0, 5, 5, 0}}, {"gemma3_text", 2, []int{5, 0, 5, 0, 5, 0}},
		{"gemma3_text", 0, []int{5, 5, 5, 5, 5, 5}},
	} {
		dir := writeFamily(t, map[string]any{"model_type": c.family, "tie_word_embeddings": true, "sliding_window": 5})
		path, architecture := filepath.Join(dir, "x.gguf"), strings.TrimSuffix(c.family, "_text")
		writeAsGGUF(t, dir, path, checkpoint.F32,
			gguf.Key{Name: architecture + ".attention.sliding_window_pattern", Value: c.pattern})
		got, err := model.ReadConfig(path)
		require.NoError(t, err)
		require.Equal(t, c.want, got.Arch.Windows)
		for l, window := range c.want {
			local := c.family == "gemma3_text" && window > 0
			require.Equal(t, local, got.Rotation(l) == model.LocalRope)
		}
	}
}
