package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/model/convert"
)

// asGGUF writes the model of a directory as a file in another one, with its tokenizer beside it.
func asGGUF(t *testing.T, dir, mix string) string {
	s, err := model.Open(dir)
	require.NoError(t, err)
	m := convert.Model{Source: s, Config: s.Config}
	for _, tensor := range s.Tensors {
		m.Tensors = append(m.Tensors, checkpoint.Computed{Tensor: tensor})
	}
	how, err := gguf.MixNamed(mix)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: &how, Name: "Tiny"}))
	require.NoError(t, tinymodel.WriteTokenizer(filepath.Dir(path)))
	return path
}

func TestAGGUFFileServesAsABase(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32}), rows(t, 14)
	path := asGGUF(t, base, "Q8_0")
	for _, given := range []string{path, filepath.Dir(path)} {
		for _, method := range []string{adapter.TypeLoRA, adapter.TypeLLaMAAdapter, adapter.TypeFull} {
			out := filepath.Join(t.TempDir(), "run")
			must(t, training(given, set, out, "--finetuning_type", method)...)
			ask := []string{"generate", "--prompt", "say a", "--max_new_tokens", "5", "--temperature", "0"}
			if method == adapter.TypeFull { // the weights become float32, and trained
				require.NoError(t, tinymodel.WriteTokenizer(out))
				stored, err := model.Open(out)
				require.NoError(t, err)
				require.Equal(t, checkpoint.F32, stored.Tensors["model.layers.0.mlp.up_proj.weight"].Type)
				must(t, append(ask, "--model_name_or_path", out)...)
				continue
			}
			record, err := adapter.ReadRecord(out)
			require.NoError(t, err)
			require.Equal(t, given, record.Base)
			alone := must(t, append(ask, "--adapter_name_or_path", out)...)
			require.Equal(t, alone, must(t, append(ask, "--adapter_name_or_path", out, "--model_name_or_path", path)...))
		}
	}
	code, _, said := call("", training(path, set, filepath.Join(t.TempDir(), "nf4"), "--quantization", "nf4")...)
	require.Zero(t, code)
	require.Contains(t, said, "quantization nf4 rounds weights a second time that the file keeps in Q8_0")
}

func TestPathsBeginAtHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	base := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 64})
	must(t, "convert", "--input", base, "--output=~/x.gguf", "--certificate", "no")
	require.FileExists(t, filepath.Join(home, "x.gguf"))
	must(t, "generate", "--model=~/x.gguf", "--raw", "--prompt", "~/a", "--max_new_tokens", "1")
	must(t, "bench", "generate", "--shape=~/x.gguf", "--tokens", "4", "--steps", "1")
	require.NoError(t, os.WriteFile(filepath.Join(home, "x.yaml"), []byte("max_new_tokens: 1"), 0o644))
	must(t, "generate", "--model=~/x.gguf", "--config=~/x.yaml", "--raw", "--prompt", "a")

	out := filepath.Join(t.TempDir(), "full")
	must(t, training(filepath.Join(home, "x.gguf"), rows(t, 14), out, "--finetuning_type", "full")...)
	require.FileExists(t, filepath.Join(out, "generation_config.json"), "as fettle merge writes it")
}

func TestAPlanNamesTheBase(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32}), rows(t, 4)
	describe := func(path string) (p struct {
		Base   string
		Memory struct{ Weights int64 }
	}) {
		said := must(t, "plan", "--model_name_or_path", path, "--dataset", set, "--recipe", "alpaca", "--probe", "0",
			"--json")
		require.NoError(t, json.Unmarshal([]byte(said), &p))
		return p
	}
	whole := describe(base)
	require.Contains(t, whole.Base, "llama, 3 layers of width 32, ")
	require.Contains(t, whole.Base, "; huggingface, F32")
	blocks := describe(asGGUF(t, base, "Q4_0"))
	require.Contains(t, blocks.Base, "; gguf, Q4_0")
	require.Less(t, blocks.Memory.Weights, whole.Memory.Weights/2)
}

func TestOneOfSeveralGGUFFilesIsNotChosen(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	path := asGGUF(t, base, "Q8_0")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "other.gguf"), text, 0o644))
	code, _, said := call("", "generate", "--raw", "--prompt", "a", "--model_name_or_path", filepath.Dir(path))
	require.Equal(t, exitData, code)
	require.Contains(t, said, "a directory with 2 GGUF files (other.gguf, tiny.gguf)")
}
