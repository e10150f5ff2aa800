package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/tinymodel"
	"fettle/model/chat"
	"fettle/model/tokenizer"
)

// asPEFT trains an adapter and leaves what PEFT would write: its two files, with base as the name of the base.
func asPEFT(t testing.TB, model, base string) string {
	run := filepath.Join(t.TempDir(), "run")
	must(t, training(model, rows(t, 4), run, "--val_size", "0", "--max_steps", "1")...)
	dir := filepath.Join(t.TempDir(), "adapter")
	require.NoError(t, os.Mkdir(dir, 0o755))
	weights, err := os.ReadFile(filepath.Join(run, adapter.WeightsFile))
	require.NoError(t, err)
	write(t, dir, adapter.WeightsFile, string(weights))
	text, err := os.ReadFile(filepath.Join(run, adapter.ConfigFile))
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(text, &config))
	if config["base_model_name_or_path"] = base; base == "" {
		delete(config, "base_model_name_or_path")
	}
	text, err = json.Marshal(config)
	require.NoError(t, err)
	write(t, dir, adapter.ConfigFile, string(text))
	return dir
}

func write(t testing.TB, dir, name, text string) {
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

func TestAnAdapterKnowsItsBase(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	ask := []string{"generate", "--raw", "--prompt", "ab", "--temperature", "0", "--max_new_tokens", "4"}
	absolute := asPEFT(t, base, base)
	want := must(t, append(ask, "--adapter_name_or_path", absolute, "--model_name_or_path", base)...)
	require.Equal(t, want, must(t, append(ask, "--adapter_name_or_path", absolute)...))

	relative := asPEFT(t, base, "../models/base")
	require.NoError(t, os.MkdirAll(filepath.Join(filepath.Dir(relative), "models"), 0o755))
	require.NoError(t, os.Symlink(base, filepath.Join(filepath.Dir(relative), "models", "base")))
	require.Equal(t, want, must(t, append(ask, "--adapter_name_or_path", relative)...), "beside the adapter")

	t.Chdir(filepath.Join(filepath.Dir(relative)))
	inCwd := asPEFT(t, base, "models/base")
	require.Equal(t, want, must(t, append(ask, "--adapter_name_or_path", inCwd)...), "in the working directory")

	moved := asPEFT(t, base, base) // its record names where the base was before
	write(t, moved, adapter.RecordFile, `{"base": "/nowhere/llama"}`)
	require.Equal(t, want, must(t, append(ask, "--adapter_name_or_path", moved)...))

	next := filepath.Join(t.TempDir(), "next")
	set := rows(t, 4)
	must(t, "train", "--adapter_name_or_path", absolute, "--dataset", set, "--output_dir", next, "--val_size", "0",
		"--max_steps", "1")
	require.Equal(t, base, recordOf(t, next).Base)
	for _, command := range []string{"inspect", "plan"} {
		must(t, command, "--adapter_name_or_path", absolute, "--dataset", set, "--val_size", "0")
	}
}

func recordOf(t testing.TB, dir string) adapter.Record {
	r, err := adapter.ReadRecord(dir)
	require.NoError(t, err)
	return r
}

func TestAnAdapterWithoutItsBaseSaysWhichItNeeds(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for name, want := range map[string]string{
		"huggyllama/llama-7b": "hf download huggyllama/llama-7b --local-dir llama-7b",
		"/data/models/llama":  "/data/models/llama: there is no such file or directory",
		"":                    "names no base model",
	} {
		dir := asPEFT(t, base, name)
		for _, args := range [][]string{
			{"generate", "--prompt", "a"}, {"serve", "--port", "0"}, {"chat"},
			{"train", "--dataset", rows(t, 2), "--output_dir", t.TempDir()},
		} {
			code, _, stderr := call("", append(args, "--adapter_name_or_path", dir)...)
			require.Equal(t, exitUsage, code, args)
			require.Contains(t, stderr, want)
			require.Contains(t, stderr, "model_name_or_path is missing")
		}
	}
}

// The layouts of Trainer, TRL, axolotl and unsloth differ in the file of the template and the place of the tokenizer.
func TestAnAdaptersOwnTokenizerAndTemplateComeFirst(t *testing.T) {
	const own = "{% for m in messages %}own {{ m.content }}{% endfor %}"
	template, err := json.Marshal(map[string]string{"chat_template": own})
	require.NoError(t, err)
	base := chatty(t, chatJinja)
	model, err := os.ReadFile(filepath.Join(base, "tokenizer.model"))
	require.NoError(t, err)
	quoted, err := json.Marshal(own)
	require.NoError(t, err)
	config := func(more string) string {
		return `{"added_tokens_decoder": {"286": {"content": "<|new|>", "special": true}}` + more + `}`
	}
	for _, c := range []struct {
		name  string
		files map[string]string // beside the adapter, ../NAME around it
		below string            // the adapter's directory below the run's
		want  []string          // token and template
	}{
		{"none", nil, "adapter", []string{"<|head|>", chatJinja}},
		{"a template in tokenizer_config.json", map[string]string{"tokenizer.model": string(model),
			"tokenizer_config.json": config(`, "chat_template": ` + string(quoted))}, "adapter", []string{"<|new|>", own}},
		{"chat_template.jinja", map[string]string{"tokenizer.model": string(model), "tokenizer_config.json": config(""),
			"chat_template.jinja": own}, "adapter", []string{"<|new|>", own}},
		{"chat_template.json", map[string]string{"tokenizer.model": string(model), "tokenizer_config.json": config(""),
			"chat_template.json": string(template)}, "adapter", []string{"<|new|>", own}},
		{"a tokenizer without a template", map[string]string{"tokenizer.model": string(model),
			"tokenizer_config.json": config("")}, "adapter", []string{"<|new|>", chatJinja}},
		{"a template without a tokenizer", map[string]string{"chat_template.jinja": own}, "adapter",
			[]string{"<|head|>", own}},
		{"a checkpoint of a run", map[string]string{"../tokenizer.model": string(model),
			"../tokenizer_config.json": config(""), "../chat_template.jinja": own}, "checkpoint-20",
			[]string{"<|new|>", own}},
		{"PEFT's directory of a named adapter", map[string]string{"../tokenizer.model": string(model),
			"../tokenizer_config.json": config(""), "../chat_template.jinja": own}, "policy", []string{"<|new|>", own}},
		{"a checkpoint with files of its own", map[string]string{"tokenizer.model": string(model),
			"tokenizer_config.json": config(""), "chat_template.jinja": own, "../chat_template.jinja": "another"},
			"checkpoint-20", []string{"<|new|>", own}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run", c.below)
			require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
			require.NoError(t, os.Rename(asPEFT(t, base, base), dir))
			for name, text := range c.files {
				write(t, filepath.Dir(filepath.Join(dir, name)), filepath.Base(name), text)
			}
			m, err := source{Adapter: dir, Compute: "f32"}.open()
			require.NoError(t, err)
			id, ok := m.Tokenizer.ID(c.want[0])
			require.True(t, ok)
			require.EqualValues(t, 286, id)
			require.NoError(t, m.NoPrompt)
			text, err := chat.ReadTemplate(filepath.Dir(m.Recipe.Source))
			require.NoError(t, err)
			require.Equal(t, c.want[1], text.Default)

			shown := must(t, "inspect", "--adapter_name_or_path", dir, "--dataset", saying(t, "ok", 2), "--recipe",
				"chat_template", "--val_size", "0", "--allow", "end-not-learned")
			require.Equal(t, c.want[1] == own, strings.Contains(shown, "own say a"), shown)
			run := filepath.Join(t.TempDir(), "next")
			must(t, "train", "--adapter_name_or_path", dir, "--dataset", saying(t, "ok", 2), "--recipe", "chat_template",
				"--val_size", "0", "--max_steps", "1", "--allow", "end-not-learned,identical-answers",
				"--output_dir", run)
			tok, err := tokenizer.Load(run)
			require.NoError(t, err)
			_, ok = tok.ID(c.want[0])
			require.True(t, ok, "the next adapter keeps the tokenizer")
		})
	}
}

func TestARunKeepsTheTokenizerItWasTrainedWith(t *testing.T) {
	for name, base := range map[string]string{"SentencePiece": chatty(t, chatJinja), "byte level": tinyBytes(t)} {
		write(t, base, "special_tokens_map.json", `{}`)
		write(t, base, "generation_config.json", `{"temperature": 0.5}`)
		for _, method := range []string{"lora", "llama-adapter", "full"} {
			run := filepath.Join(t.TempDir(), "run")
			must(t, training(base, rows(t, 6), run, "--finetuning_type", method, "--save_steps", "2")...)
			checkpoints, err := filepath.Glob(filepath.Join(run, "checkpoint-*"))
			require.NoError(t, err)
			require.NotEmpty(t, checkpoints)
			for _, dir := range append(checkpoints, run) {
				want, err := tokenizer.Load(base)
				require.NoError(t, err)
				got, err := tokenizer.Load(dir)
				require.NoError(t, err, name)
				require.Equal(t, want.Hash(), got.Hash())
				require.FileExists(t, filepath.Join(dir, "special_tokens_map.json"))
				_, err = os.Stat(filepath.Join(dir, "generation_config.json"))
				require.Equal(t, method == "full", err == nil, "a whole model has its settings of generation")
			}
			if method == "full" {
				continue
			}
			// The base's tokenizer may change: the adapter's answers do not.
			ask := []string{"generate", "--adapter_name_or_path", run, "--prompt", "say a", "--temperature", "0",
				"--max_new_tokens", "4"}
			before := must(t, ask...)
			moved := filepath.Join(base, "moved")
			for _, file := range tokenizer.Files() {
				if os.Rename(filepath.Join(base, file), moved) == nil {
					require.Equal(t, before, must(t, ask...))
					require.NoError(t, os.Rename(moved, filepath.Join(base, file)))
				}
			}
		}
	}
}
