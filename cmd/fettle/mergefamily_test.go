package main

import (
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// familyDir writes a model of random weights with this config.json and the tokenizer of tinymodel.
func familyDir(t *testing.T, config string, named func(name string) string, more ...checkpoint.Tensor) string {
	dir := tiny(t, tinymodel.Config{})
	c, err := model.ParseConfig([]byte(config))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	var tensors []checkpoint.Computed
	for _, w := range c.Tensors() {
		values := make([]float32, w.Size())
		for i := range values {
			values[i] = float32(random.NormFloat64() / math.Sqrt(float64(w.Shape[len(w.Shape)-1])))
		}
		tensors = append(tensors, checkpoint.Computed{Tensor: checkpoint.FromFloat32s(w.Name, w.Shape, values)})
	}
	tensors, err = c.Together(tensors)
	require.NoError(t, err)
	var lazy []checkpoint.Lazy
	for _, w := range tensors {
		w.Name = named(w.Name)
		lazy = append(lazy, w.As(w.Type))
	}
	for _, w := range more {
		lazy = append(lazy, w.Lazy())
	}
	f, err := os.Create(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	require.NoError(t, safetensors.Write(f, lazy, nil))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600))
	return dir
}

// Phi-3's files fuse projections, Gemma 3's hold an encoder of pictures beside the language model.
func TestModelsInOtherTensorsAreMerged(t *testing.T) {
	const sizes = `"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
		"num_key_value_heads": 2, "vocab_size": 286, "max_position_embeddings": 512`
	plain := func(name string) string { return name }
	inside := func(name string) string { return "language_model." + name }
	picture := checkpoint.FromFloat32s("vision_tower.head.probe", []int{2}, []float32{1, 2})
	for name, c := range map[string]struct {
		base          string
		names         []string // among the result's tensors
		said, written string
	}{
		"phi3": {
			familyDir(t, `{"model_type": "phi3", `+sizes+`}`, plain),
			[]string{"model.layers.1.self_attn.qkv_proj.weight", "model.layers.0.mlp.gate_up_proj.weight"},
			"", `"model_type": "phi3"`,
		},
		"gemma3": {
			familyDir(t, `{"model_type": "gemma3", "eos_token_id": 2, "vision_config": {"hidden_size": 8}, "text_config": {
				"model_type": "gemma3_text", "head_dim": 6, "query_pre_attn_scalar": 6, "sliding_window": 5,
				"mine": 1, `+sizes+`}}`, inside, picture),
			[]string{"model.embed_tokens.weight", "model.layers.1.self_attn.q_proj.weight"},
			"its language model alone", `"model_type": "gemma3_text"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := trainedAdapter(t, c.base, "--lora_target", "all-linear")
			out := filepath.Join(t.TempDir(), "merged")
			said := must(t, "merge", "--adapter_name_or_path", run, "--output_dir", out)
			require.Contains(t, said, c.said)
			certificate := readCertificate(t, out)
			require.Less(t, certificate.MaxDifference, roundingOfLogits)
			f, err := safetensors.Open(filepath.Join(out, "model.safetensors"))
			require.NoError(t, err)
			names := slices.Collect(maps.Keys(f.ByName))
			require.Subset(t, names, c.names)
			require.False(t, slices.ContainsFunc(names, func(name string) bool {
				return strings.HasPrefix(name, "vision_tower.") || strings.HasPrefix(name, "language_model.") ||
					name == "model.layers.0.self_attn.q_proj.weight" && c.said == ""
			}))
			config, err := os.ReadFile(filepath.Join(out, "config.json"))
			require.NoError(t, err)
			require.Contains(t, string(config), c.written)
			require.NotContains(t, string(config), "vision_config")

			file := filepath.Join(t.TempDir(), "m.gguf")
			must(t, "export", "--model_name_or_path", c.base, "--adapter_name_or_path", run, "--output", file,
				"--quantize", "F32")
			require.Equal(t, answerOf(t, "--model_name_or_path", out), answerOf(t, "--model_name_or_path", file))

			full := filepath.Join(t.TempDir(), "full")
			must(t, training(c.base, rows(t, 14), full, "--finetuning_type", "full", "--learning_rate", "0.01")...)
			config, err = os.ReadFile(filepath.Join(full, "config.json"))
			require.NoError(t, err)
			require.Contains(t, string(config), c.written)
			require.NotContains(t, string(config), "vision_config")
			answerOf(t, "--model_name_or_path", full)
		})
	}
}
