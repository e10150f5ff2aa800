package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/tinymodel"
	"fettle/model/tokenizer"
)

// What a run trains of the base itself stays trained when the run is interrupted, continued and used.
func TestRunsTrainEmbeddingsHeadsAndTokens(t *testing.T) {
	for name, flags := range map[string][]string{
		"modules": {"--modules_to_save", "embed_tokens,lm_head"},
		"aliases": {"--additional_target", "embed_tokens,norm"},
		"one":     {"--modules_to_save", "embed_tokens", "--ensure_weight_tying"},
		"tokens":  {"--trainable_token_indices", "100,101"},
		"LoRA":    {"--lora_target_modules", "embed_tokens,q_proj,lm_head"},
	} {
		t.Run(name, func(t *testing.T) {
			base, set, out := tiny(t, tinymodel.Config{Tied: true}), rows(t, 14), filepath.Join(t.TempDir(), "run")
			must(t, training(base, set, out, append(flags, "--max_steps", "4")...)...)
			whole, err := os.ReadFile(filepath.Join(out, adapter.WeightsFile))
			require.NoError(t, err)

			parts := filepath.Join(t.TempDir(), "run")
			steps := append(flags, "--max_steps", "4", "--save_steps", "2")
			must(t, training(base, set, parts, steps...)...)
			for _, later := range []string{adapter.WeightsFile, "checkpoint-000004"} {
				require.NoError(t, os.RemoveAll(filepath.Join(parts, later)))
			}
			must(t, training(base, set, parts, steps...)...)
			again, err := os.ReadFile(filepath.Join(parts, adapter.WeightsFile))
			require.NoError(t, err)
			require.Equal(t, whole, again)

			must(t, training(base, set, filepath.Join(t.TempDir(), "more"), "--adapter_name_or_path", out)...)
			require.NotEmpty(t, must(t, "generate", "--adapter_name_or_path", out, "--prompt", "say a",
				"--max_new_tokens", "3"))
		})
	}
}

// An adapter whose embedding has rows for tokens that its own tokenizer adds is trained and asked with them.
func TestAdaptersBringTheirOwnTokens(t *testing.T) {
	for name, settings := range map[string]map[string]any{
		"saved along": {}, "trained": {"modules_to_save": []string{"embed_tokens", "lm_head"}},
	} {
		t.Run(name, func(t *testing.T) {
			base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
			first := filepath.Join(t.TempDir(), "first")
			must(t, training(base, set, first)...)
			dir := withTokens(t, first, settings)

			row := `{"text": "<|im_start|>ab<|im_end|>"}` + "\n"
			text := file(t, "texts.jsonl", row+row)
			args := []string{
				"--model_name_or_path", base, "--dataset", text, "--dataset_format", "text", "--parse_specials", "yes",
				"--num_train_epochs", "2", "--allow", "control-tokens",
			}
			out := filepath.Join(t.TempDir(), "second")
			must(t, append([]string{"plan", "--adapter_name_or_path", dir}, args...)...)
			must(t, append([]string{"train", "--adapter_name_or_path", dir, "--output_dir", out}, args...)...)
			ask := []string{"--raw", "--prompt", "<|im_start|>a", "--max_new_tokens", "4", "--temperature", "0"}
			must(t, append([]string{"generate", "--adapter_name_or_path", dir, "--model_name_or_path", base}, ask...)...)
			must(t, append([]string{"generate", "--adapter_name_or_path", out}, ask...)...)
			f, err := safetensors.Open(filepath.Join(out, adapter.WeightsFile))
			require.NoError(t, err)
			defer f.Close()
			embed, _ := f.Tensor("base_model.model.model.embed_tokens.weight")
			require.Equal(t, tinymodel.TokenizerSize+2, embed.Shape[0])
			require.FileExists(t, filepath.Join(out, "added_tokens.json"))

		})
	}
}

// withTokens writes a copy of an adapter with two tokens more, as PEFT and transformers save them.
func withTokens(t *testing.T, from string, settings map[string]any) string {
	dir := t.TempDir()
	for _, name := range append(tokenizer.Files(), tokenizer.SideFiles()...) {
		if text, err := os.ReadFile(filepath.Join(from, name)); err == nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
		}
	}
	write := func(name string, value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	write("added_tokens.json", map[string]int{
		"<|im_start|>": tinymodel.TokenizerSize, "<|im_end|>": tinymodel.TokenizerSize + 1,
	})
	text, err := os.ReadFile(filepath.Join(from, adapter.ConfigFile))
	require.NoError(t, err)
	config := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &config))
	for key, value := range settings {
		config[key] = value
	}
	write(adapter.ConfigFile, config)
	f, err := safetensors.Open(filepath.Join(from, adapter.WeightsFile))
	require.NoError(t, err)
	defer f.Close()
	var tensors []checkpoint.Tensor
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		tensors = append(tensors, tensor)
	}
	const width = 16
	for i, name := range []string{"model.embed_tokens", "lm_head"} {
		values := make([]float32, (tinymodel.TokenizerSize+2)*width)
		for j := range values {
			values[j] = float32((j*7+i)%23-11) / 50
		}
		name = "base_model.model." + name + ".weight"
		tensors = append(tensors, checkpoint.FromFloat32s(name, []int{tinymodel.TokenizerSize + 2, width}, values))
	}
	out, err := os.Create(filepath.Join(dir, adapter.WeightsFile))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(out, tensors, nil))
	require.NoError(t, out.Close())
	return dir
}
