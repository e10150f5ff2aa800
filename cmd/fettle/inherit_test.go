package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/tinymodel"
)

const turns = `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, ` +
	`{"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}` + "\n"

func TestContinuedAdapterNeedsNoSettingOfItsOwnTwice(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), file(t, "turns.json", turns), t.TempDir()
	first, second, third := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
	must(t, "train", "--model_name_or_path", base, "--dataset", set, "--recipe", "vicuna", "--quantization", "int8",
		"--lora_rank", "3", "--max_steps", "2", "--output_dir", first)
	more := []string{"train", "--dataset", set, "--max_steps", "2", "--adapter_name_or_path"}
	code, _, stderr := call("", append(more, first, "--output_dir", second)...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "recipe: vicuna, as "+first+" was trained")
	require.Equal(t, recordOf(t, first), recordOf(t, second), "base, recipe and quantization")
	must(t, append(more, filepath.Join(first, "checkpoint-000002"), "--output_dir", third)...)
	require.Equal(t, "vicuna", recordOf(t, third).Recipe)

	code, _, stderr = call("", append(more, first, "--output_dir", filepath.Join(dir, "4"), "--recipe", "baize")...)
	require.Equal(t, exitData, code, "another recipe is a mistake")
	require.Contains(t, stderr, "leave recipe out")

	require.NoError(t, os.Remove(filepath.Join(first, adapter.RecordFile)))
	fifth := filepath.Join(dir, "5")
	code, _, stderr = call("", append(more, first, "--model_name_or_path", base, "--output_dir", fifth)...)
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "recipe: alpaca, as neither the adapter nor its base has a prompt template")
}

func TestTunedModelIsTunedFurtherWithItsRecipe(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), file(t, "turns.json", turns), t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	must(t, "train", "--model_name_or_path", base, "--dataset", set, "--recipe", "vicuna", "--finetuning_type", "full",
		"--max_steps", "2", "--output_dir", first)
	must(t, "train", "--model_name_or_path", first, "--dataset", set, "--max_steps", "2", "--output_dir", second)
	require.Equal(t, "vicuna", recordOf(t, second).Recipe)
}

func TestRunsThatLearnNothingSaySo(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for reason, flags := range map[string][]string{"all steps are warm-up": {"--max_steps", "1"},
		"no rate": {"--learning_rate", "0"}} {
		said := must(t, training(base, set, filepath.Join(t.TempDir(), "run"), flags...)...)
		require.Contains(t, said, "Nothing was learned: every learning rate was 0.", reason)
	}
	require.NotContains(t, must(t, training(base, set, filepath.Join(t.TempDir(), "run"))...), "Nothing was learned")
}

func TestSettingsOfAMethodAreRefusedBeforeTheDataIsRead(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for _, flags := range [][]string{{"--lora_rank", "0"}, {"--lora_rank", "100000"}, {"--lora_alpha", "0"},
		{"--lora_dropout", "1.5"}, {"--lora_target_modules", "foo"},
		{"--finetuning_type", "llama-adapter", "--adapter_len", "0"},
		{"--finetuning_type", "llama-adapter", "--adapter_layers", "99"}} {
		code, _, stderr := call("", training(base, "absent.json", "run", flags...)...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, flags[len(flags)-2][2:6])
	}
	code, _, stderr := call("", training(base, rows(t, 14), filepath.Join(t.TempDir(), "run"), "--lora_rank", "16")...)
	require.Zero(t, code)
	require.Contains(t, stderr, "lora_rank is 16: no matrix of q_proj, v_proj has a rank above")
}
