package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestInitWritesAConfigThatTrains(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 8), t.TempDir()
	config, run := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "run")
	said := must(t, "init", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora", "--output_dir",
		run, "--output", config, "--num_train_epochs", "1", "--val_size", "2")
	require.Contains(t, said, "fettle train --config "+config)
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	for _, want := range []string{
		"\nlearning_rate: 0.0003 ", "\nwarmup_steps: 0 ", "\nlora_dropout: 0.05 ",
		"\nlora_target_modules: [q_proj, v_proj] ", "\ngradient_accumulation_steps: 1 ",
		"#   gradient_accumulation_steps: 1, as 128 sequences in a step are many of 6 examples",
		"#   warmup_steps: 0, not 100, as the run has 2",
		"\nmax_seq_length: 256 ", "\nnum_train_epochs: 1 ", "# peak learning rate", "# Model: 3 layers of width 16",
		"# Settings: as the authors' code has them.",
		"# Losses were means over every micro-batch there; here they are means over all learned tokens of a step.",
	} {
		require.Contains(t, string(text), want)
	}
	require.NotContains(t, string(text), "gate_activation", "another method's")
	require.NotContains(t, string(text), "\nsave_dtype", "of full tuning")
	must(t, "train", "--config", config)
	must(t, "inspect", "--config", config)

	published := must(t, "init", "--recipe", "alpaca-lora", "--output", "-")
	require.Contains(t, published, "\nwarmup_steps: 100 ")
	require.Contains(t, published, "\ngradient_accumulation_steps: 32 ")

	code, _, stderr := call("", "init", "--recipe", "alpaca", "--output", config)
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "--force replaces it")
	must(t, "init", "--recipe", "llama-adapter", "--finetuning_type", "llama-adapter", "--output", config, "--force")
	text, err = os.ReadFile(config)
	require.NoError(t, err)
	require.Contains(t, string(text), "\nlearning_rate: 0.001125 ")
	require.Contains(t, string(text), "\ngate_activation: tanh ")
	require.Contains(t, must(t, "init", "--recipe", "chatdoctor", "--preset", "paper", "--output", "-"),
		"\nfinetuning_type: full ")
	koala := must(t, "init", "--recipe", "koala", "--finetuning_type", "full", "--output", "-")
	require.Contains(t, koala, "# Settings: ours, nobody published any; rate, batch and length were never published")
	require.Contains(t, koala, "# Losses were means over every row there")
	require.Contains(t, must(t, "init", "--recipe", "baize", "--preset", "paper", "--output", "-"),
		"v_proj, o_proj, gate_proj")
	require.Contains(t, must(t, "init", "--recipe", "koala", "--output", "-"), "# Settings: the program's own.")
	code, _, stderr = call("", "init", "--recipe", "chatdoctor", "--preset", "papers", "--output", "-")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `did you mean "paper"`)
}

// Whatever the data, the config either runs or is not written.
func TestConfigOfInitRuns(t *testing.T) {
	chats := file(t, "chats.json", strings.Repeat(turns, 2))
	for _, c := range []struct {
		reason string
		model  string
		flags  []string
		want   string
	}{
		{"rows that are too long for the model", tiny(t, tinymodel.Config{MaxPositions: 64}),
			[]string{"--dataset", longRows(t), "--recipe", "alpaca-lora-short"}, "over_long: truncate"},
		{"rows that are longer than the recipe's", tiny(t, tinymodel.Config{MaxPositions: 2000}),
			[]string{"--dataset", file(t, "long.json", fmt.Sprintf(`[{"instruction": "q", "output": %q}]`,
				strings.Repeat("ab ", 250))), "--recipe", "alpaca-lora-short"}, "max_seq_length: "},
		{"conversations", tiny(t, tinymodel.Config{}), []string{"--dataset", chats, "--fix"}, "recipe: vicuna"},
		{"empty answers", tiny(t, tinymodel.Config{}), []string{"--recipe", "alpaca-lora-short", "--dataset",
			file(t, "empty.json", strings.Repeat(`{"instruction": "a", "output": ""}`+"\n", 2)+
				`{"instruction": "a", "output": "b"}`)}, "fix: true"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Chdir(t.TempDir())
			said := must(t, append([]string{"init", "--model_name_or_path", c.model, "--num_train_epochs", "1"}, c.flags...)...)
			require.Contains(t, said, c.want)
			code, _, stderr := call("", "train", "--config", "config.yaml")
			require.Zero(t, code, stderr)
			require.NotContains(t, stderr, "_steps is ", "of a value that init chose")
		})
	}
}

func TestInitMakesARunFitIntoMemory(t *testing.T) {
	t.Chdir(t.TempDir())
	flags := []string{"--model_name_or_path", "fettle-tiny", "--dataset", "fettle-questions", "--max_steps", "1"}
	var plan struct {
		Total int64 `json:"memory_total"`
	}
	planned := must(t, append([]string{"plan", "--probe", "0", "--json"}, flags...)...)
	require.NoError(t, json.Unmarshal([]byte(planned), &plan))
	limit := fmt.Sprint(plan.Total - 8<<20)
	said := must(t, append(append([]string{"init"}, flags...), "--max_memory", limit)...)
	require.Contains(t, said, "recompute: all, as memory is short")
	must(t, "train", "--config", "config.yaml")
}

func TestInitWritesNoConfigThatCannotRun(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	t.Chdir(t.TempDir())
	for reason, c := range map[string]struct {
		flags []string
		code  int
	}{
		"no file":                     {[]string{"--dataset", "absent.json"}, exitMissing},
		"no model":                    {[]string{"--model_name_or_path", "absent", "--dataset", set}, exitMissing},
		"a setting that is wrong":     {[]string{"--dataset", set, "--lora_rank", "0"}, exitUsage},
		"data that cannot be read":    {[]string{"--dataset", file(t, "a.json", `{"instruction": `)}, exitData},
		"what was stated is too much": {[]string{"--dataset", set, "--max_seq_length", "9999"}, exitUsage},
		"all is held out":             {[]string{"--dataset", set, "--val_size", "14"}, exitUsage},
		"no memory":                   {[]string{"--dataset", set, "--max_memory", "1M"}, exitRefused},
	} {
		code, _, stderr := call("", append([]string{"init", "--model_name_or_path", base}, c.flags...)...)
		require.Equal(t, c.code, code, "%s: %s", reason, stderr)
		require.NoFileExists(t, "config.yaml", reason)
	}
}

func TestInitAloneTakesTheDemonstration(t *testing.T) {
	t.Chdir(t.TempDir())
	require.Contains(t, must(t, "init"), "until you name your model and dataset")
	must(t, "plan", "--config", "config.yaml", "--probe", "0")
	require.Contains(t, must(t, "init", "--recipe", "alpaca", "--force"),
		"Fill in model_name_or_path and dataset, then run:")
}
