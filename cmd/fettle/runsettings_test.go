package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fettle/internal/tinymodel"
	"fettle/train"
)

func TestSettingsThatCannotActAreRefused(t *testing.T) {
	run := []string{"plan", "--model_name_or_path", "m"}
	for _, c := range []struct {
		reason string
		flags  []string
		want   string
	}{
		{"LoRA's rank in full tuning", []string{"--finetuning_type", "full", "--lora_rank", "4"},
			"--lora_rank: 4 cannot act: finetuning_type is full; it belongs to lora"},
		{"even at its default", []string{"--finetuning_type", "full", "--lora_rank", "8"}, "--lora_rank: 8 cannot act"},
		{"prompts in LoRA", []string{"--adapter_len", "20"}, "--adapter_len: 20 cannot act: finetuning_type is lora"},
		{"two sets for evaluation", []string{"--val_size", "0.1", "--eval_dataset", "e"},
			"--val_size: 0.1 cannot act: eval_dataset names"},
		{"two warm-ups", []string{"--warmup_ratio", "0.1", "--warmup_steps", "5"}, "--warmup_ratio: 0.1 cannot act"},
		{"a preset's warm-up is stronger", []string{"--config", "alpaca-lora-7b", "--warmup_ratio", "0.1"},
			"--warmup_ratio: 0.1 cannot act: warmup_steps sets the warm-up; 0 leaves it to warmup_ratio"},
		{"samples of nothing", []string{"--sample_steps", "5"}, "--sample_steps: 5 cannot act: there are no sample_prompts"},
		{"evaluations of nothing", []string{"--eval_steps", "5"}, "--eval_steps: 5 cannot act: nothing is held out"},
		{"a file's", []string{"--config", file(t, "run.yaml", "seed: 1\nadapter_layers: 3\n")},
			"run.yaml:2: adapter_layers: 3 cannot act"},
		{"masks of a file of texts", []string{"--dataset", file(t, "a.jsonl", `{"text": "b"}`), "--train_on", "completion"},
			"--train_on: completion cannot act: every token of plain text is learned"},
		{"masks of a tokenized file", []string{"--dataset", file(t, "a.jsonl", `{"input_ids": [1, 2]}`), "--train_on", "all"},
			"--train_on: all cannot act"},
		{"repairs of a tokenized file", []string{"--dataset", file(t, "a.jsonl", `{"input_ids": [1, 2]}`), "--fix"},
			"--fix: true cannot act: the data is tokenized already"},
		{"several at once", []string{"--config", file(t, "run.yaml", "gate: scalar\nadapter_layers: 3\n"), "--eval_steps=1"},
			"3 settings cannot be used:"},
	} {
		args := slices.Concat(run, c.flags)
		if !slices.Contains(c.flags, "--dataset") {
			args = append(args, "--dataset", "d")
		}
		code, _, stderr := call("", args...)
		require.Equal(t, exitUsage, code, c.reason)
		require.Contains(t, stderr, c.want, c.reason)
	}
}

func TestPresetsDefaultsAndOverriddenSettingsAreNotRefused(t *testing.T) {
	c := train.Defaults()
	c.Methods.LLaMAAdapter.Layers, c.OutputDir = 4, "run"
	record, err := yaml.Marshal(c) // with the settings of every method, as earlier runs wrote it
	require.NoError(t, err)
	for reason, flags := range map[string][]string{
		"a preset's":          {"--config", "alpaca-lora-7b", "--finetuning_type", "full"},
		"an earlier run's":    {"--config", file(t, "config.yaml", string(record))},
		"a default in a file": {"--config", file(t, "run.yaml", "finetuning_type: full\nlora_rank: 8\n")},
		"overridden by a flag": {"--config", file(t, "run.yaml", "warmup_ratio: 0.2\nlora_rank: 4\n"), "--warmup_steps", "3",
			"--finetuning_type", "full"},
		"cleaning of instructions": {"--dataset", file(t, "a.jsonl", `{"instruction": "b", "output": "c"}`), "--clean"},
		"masks of one file of two": {"--dataset", file(t, "a.jsonl", `{"text": "b"}`) + "," +
			file(t, "b.jsonl", `{"instruction": "b", "output": "c"}`), "--train_on", "assistant"},
		"turned off":              {"--val_size", "0", "--eval_dataset", "e"},
		"epochs beside max_steps": {"--num_train_epochs", "2", "--max_steps", "3"},
	} {
		_, _, stderr := call("", append([]string{"plan", "--model_name_or_path", "m", "--dataset", "d"}, flags...)...)
		require.NotContains(t, stderr, "cannot act", reason)
		if reason == "epochs beside max_steps" {
			require.Contains(t, stderr, "--num_train_epochs 2 is not used: max_steps sets the length of the run")
		}
	}
}

// ran reads config.yaml of a run.
func ran(t *testing.T, dir string) map[string]any {
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	require.NoError(t, err)
	var settings map[string]any
	require.NoError(t, yaml.Unmarshal(text, &settings))
	return settings
}

func TestAContinuedAdapterKeepsItsSettingsButTheDropout(t *testing.T) {
	base, set, first := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "run")
	flags := func(out string, more ...string) []string {
		return training(base, set, out, append([]string{"--max_steps", "2", "--learning_rate", "0.01"}, more...)...)
	}
	must(t, flags(first, "--lora_rank", "3", "--lora_dropout", "0.25", "--lora_target_modules", "k_proj,up_proj")...)
	for _, c := range []struct{ flag, value, want string }{
		{"--lora_rank", "16", "--lora_rank: 16 cannot act: the adapter " + first + " keeps its 3"},
		{"--lora_alpha", "64", "--lora_alpha: 64 cannot act"},
		{"--lora_target_modules", "k_proj", "--lora_target_modules: [k_proj] cannot act"},
		{"--use_rslora", "true", "--use_rslora: true cannot act"},
		{"--gate", "scalar", "--gate: scalar cannot act: finetuning_type is lora"},
	} {
		code, _, stderr := call("", flags(filepath.Join(t.TempDir(), "b"), "--adapter_name_or_path", first, c.flag,
			c.value)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, c.want)
	}
	again := func(more ...string) (map[string]any, string) {
		out := filepath.Join(t.TempDir(), "again")
		must(t, flags(out, append([]string{"--adapter_name_or_path", first}, more...)...)...)
		weights, err := os.ReadFile(filepath.Join(out, "adapter_model.safetensors"))
		require.NoError(t, err)
		return ran(t, out), string(weights)
	}
	settings, kept := again()
	require.Equal(t, []any{3, 16, 0.25}, []any{settings["lora_rank"], settings["lora_alpha"], settings["lora_dropout"]})
	require.Equal(t, []any{"k_proj", "up_proj"}, settings["lora_target_modules"])
	require.NotContains(t, settings, "adapter_len")
	settings, equal := again("--lora_rank", "3", "--lora_target_modules", "up_proj,k_proj", "--lora_dropout", "0.25")
	require.Equal(t, 0.25, settings["lora_dropout"])
	require.Equal(t, kept, equal, "what the adapter has may be said again")
	settings, without := again("--lora_dropout", "0")
	require.EqualValues(t, 0, settings["lora_dropout"])
	require.NotEqual(t, kept, without, "the dropout acts")
}

func TestAContinuedAdapterStatesItsMethod(t *testing.T) {
	base, set, first := tiny(t, tinymodel.Config{Layers: 4}), rows(t, 8), filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, first, "--max_steps", "1", "--finetuning_type", "llama-adapter", "--adapter_len", "3")...)
	out := filepath.Join(t.TempDir(), "again")
	must(t, training(base, set, out, "--max_steps", "1", "--adapter_name_or_path", first)...)
	settings := ran(t, out)
	require.Equal(t, []any{"llama-adapter", 3, 2},
		[]any{settings["finetuning_type"], settings["adapter_len"], settings["adapter_layers"]})
	must(t, "plan", "--config", filepath.Join(out, "config.yaml"), "--probe", "0")
}

func TestARunRecordsOnlySettingsThatAct(t *testing.T) {
	base, set, out := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, out, "--max_steps", "1", "--warmup_ratio", "0", "--sample_prompts", "a\n# b")...)
	text, err := os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	for _, no := range []string{"adapter_len", "gate:", "num_train_epochs", `""`, "[]", "false", "initializer_range"} {
		require.NotContains(t, string(text), no)
	}
	for _, want := range []string{"# model\n", "\n\n# optimization\n", "lora_dropout: 0\n", "warmup_ratio: 0\n"} {
		require.Contains(t, string(text), want)
	}
	require.Equal(t, []any{"a\n# b"}, ran(t, out)["sample_prompts"])
	again := filepath.Join(t.TempDir(), "run")
	must(t, "train", "--config", filepath.Join(out, "config.yaml"), "--output_dir", again)
	first, second := ran(t, out), ran(t, again)
	delete(first, "output_dir")
	delete(second, "output_dir")
	require.Equal(t, first, second)
}
