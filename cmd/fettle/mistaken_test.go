package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestPathsGivenForOthersAreNamed(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{}), t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return filepath.Dir(path)
	}
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 9\n"
	adapter := put("adapter/adapter_config.json", `{"peft_type": "LORA"}`)
	mlx := put("mlx/adapter_config.json", `{"num_layers": 4}`)
	put("mlx/adapters.safetensors", "")
	trainer := put("trainer/adapter_config.json", `{"peft_type": "LORA"}`)
	put("trainer/trainer_state.json", "{}")
	put("trainer/optimizer.pt", "")
	outer := filepath.Dir(put("outer/sql/adapter_config.json", `{"peft_type": "LORA"}`))
	put("cloned/config.json", "{}")
	cloned := put("cloned/model.safetensors", pointer)
	page := put("page/config.json", "<!doctype html>")
	weights, err := os.ReadFile(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	put("page/model.safetensors", string(weights))
	gguf := filepath.Join(put("llama.gguf", "GGUF"), "llama.gguf")
	put("several/a.gguf", "GGUF")
	several := put("several/b.gguf", "GGUF")
	train := []string{"--dataset", "fettle-questions", "--output_dir", filepath.Join(dir, "run"), "--max_steps", "1"}
	generate := []string{"generate", "--raw", "--prompt", "a", "--model_name_or_path"}
	for _, c := range []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"a name on the Hub", append(generate, "owner/Some-7b"), exitMissing,
			"hf download owner/Some-7b --local-dir Some-7b"},
		{"a GGUF file that is not there", append(generate, "none/model.gguf"), exitMissing,
			"none/model.gguf: there is no such file or directory in"},
		{"a broken GGUF file as the adapter", append(generate, base, "--adapter_name_or_path", gguf), exitData,
			"load adapter " + gguf},
		{"weights of Meta's without dimensions", append(generate, put("nodims/consolidated.00.pth", "")), exitData,
			"without its params.json"},
		{"nothing there", append(generate, dir+"/none"), exitMissing, "none: there is no such file or directory"},
		{"an adapter as the model", append(generate, adapter), exitUsage,
			"is an adapter: give it as --adapter_name_or_path"},
		{"a broken GGUF file as the model", append(generate, gguf), exitData, "llama.gguf"},
		{"a file of the model", append(generate, base+"/config.json"), exitData,
			"is a file, not a directory: give " + base},
		{"a git-lfs pointer in the place of a GGUF file",
			append(generate, filepath.Join(put("lfs/m.gguf", pointer), "m.gguf")), exitData,
			"m.gguf is a git-lfs pointer: run git lfs pull"},
		{"an archive", append(generate, put("packed/m.zip", "PK\x03\x04")), exitData,
			"m.zip there is a zip archive: unpack it"},
		{"several GGUF files", append(generate, several), exitData, "with 2 GGUF files (a.gguf, b.gguf): give one of them"},
		{"a git-lfs pointer", append(generate, cloned), exitData,
			"is a git-lfs pointer, not the file itself: run git lfs"},
		{"a web page", append(generate, page), exitData, "config.json: it is a web page"},
		{"a model as the adapter", append(generate, base, "--adapter_name_or_path", base), exitUsage,
			"is a model, not an adapter: give it as --model_name_or_path"},
		{"a broken MLX adapter", append(generate, base, "--adapter_name_or_path", mlx), exitData,
			"adapter_config.json: lora_parameters is missing"},
		{"an adapter in a directory of its own", append(generate, base, "--adapter_name_or_path", outer), exitData,
			"give " + filepath.Join(outer, "sql")},
		{"an adapter from the Hub", append(generate, base, "--adapter_name_or_path", "owner/lora"), exitMissing,
			"hf download owner/lora --local-dir lora"},
		{"a run from a Trainer's checkpoint", append([]string{"train", "--model_name_or_path", base,
			"--resume", trainer},
			train...), exitData, "start from its weights with --adapter_name_or_path " + trainer},
		{"a run from an adapter of the Hub", append([]string{"train", "--model_name_or_path", base,
			"--adapter_name_or_path", "owner/lora"}, train...), exitMissing, "reads like a name on the Hugging Face Hub"},
		{"a plan for an adapter", append([]string{"plan", "--model_name_or_path", adapter}, train...), exitUsage,
			"is an adapter: give it as"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			code, _, stderr := call("", c.args...)
			require.Contains(t, stderr, c.want)
			require.Equal(t, c.code, code)
		})
	}
}

func TestAFileBesideAModelNamesItsDirectory(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 14), t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, training(base, set, run)...)
	write(t, base, "notes.md", "of the model")
	for file, flag := range map[string]string{
		filepath.Join(base, "notes.md"):   "--model_name_or_path",
		filepath.Join(run, "config.yaml"): "--adapter_name_or_path",
		filepath.Join(run, "fettle.json"): "--adapter_name_or_path",
	} {
		code, _, stderr := call("", "generate", "--prompt", "a", flag, file)
		require.Equal(t, exitData, code, file)
		require.Contains(t, stderr, ": give "+filepath.Dir(file)+"\n", file)
	}
	code, _, stderr := call("", "generate", "--prompt", "a", "--adapter_name_or_path", "fettle-tiny")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "fettle-tiny is the built-in model, not an adapter: give it as --model_name_or_path")
}
