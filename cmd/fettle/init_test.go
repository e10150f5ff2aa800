package main

import (
	"os"
	"path/filepath"
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
		"\nlearning_rate: 0.0003 ", "\nwarmup_steps: 100 ", "\nlora_dropout: 0.05 ",
		"\nlora_target_modules: [q_proj, v_proj] ", "\ngradient_accumulation_steps: 32 ",
		"\nmax_seq_length: 256 ", "\nnum_train_epochs: 1 ", "# peak learning rate", "# Model: 3 layers of width 16",
		"# Settings: as the authors' code has them.",
		"# Losses were means over every micro-batch there; here they are means over all learned tokens of a step.",
	} {
		require.Contains(t, string(text), want)
	}
	require.NotContains(t, string(text), "gate_activation", "another method's")
	must(t, "train", "--config", config)
	must(t, "inspect", "--config", config)

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
