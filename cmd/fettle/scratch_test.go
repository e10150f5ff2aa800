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

// shapeOf makes a directory with a tokenizer and the dimensions of a model, without its weights.
func shapeOf(t testing.TB) string {
	dir := tiny(t, tinymodel.Config{})
	require.NoError(t, os.Remove(filepath.Join(dir, "model.safetensors")))
	return dir
}

func TestTrainFromNothing(t *testing.T) {
	var texts strings.Builder
	for i := range 30 {
		fmt.Fprintf(&texts, "{\"text\": %q}\n", strings.Repeat("abc ", 1+i))
	}
	shape, set := shapeOf(t), file(t, "texts.jsonl", texts.String())
	flags := func(out string, more ...string) []string {
		return append([]string{"train", "--config_name", filepath.Join(shape, "config.json"), "--tokenizer_name", shape,
			"--finetuning_type", "full",
			"--dataset", set, "--dataset_format", "text", "--output_dir", out, "--num_train_epochs", "3",
			"--learning_rate", "1e-2", "--val_size", "4",
			"--sample_prompts", "abc", "--sample_max_new_tokens", "5"}, more...)
	}
	out, again, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b"),
		filepath.Join(t.TempDir(), "c")
	said := must(t, flags(out)...)
	require.Contains(t, said, "Sample before the first step: abc\n")
	require.Contains(t, said, "fettle generate --model_name_or_path "+out+" --raw")
	must(t, flags(again)...)
	must(t, flags(other, "--seed", "2")...)
	weights := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, weights(out), weights(again), "drawn by the seed")
	require.NotEqual(t, weights(out), weights(other))
	require.NotEmpty(t, must(t, "generate", "--model_name_or_path", out, "--raw", "--prompt", "abc", "--temperature",
		"0", "--max_new_tokens", "5"))
	must(t, training(out, rows(t, 14), filepath.Join(t.TempDir(), "tuned"))...)
}

func TestFromNothingNeedsAllItsParts(t *testing.T) {
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--config_name", "x"}, "finetuning_type is \"lora\", want full"},
		{[]string{"--config_name", "x", "--finetuning_type", "full"}, "tokenizer_name is missing"},
		{[]string{"--config_name", "x", "--model_name_or_path", "y"}, "are both set"},
		{[]string{"--model_name_or_path", "y", "--tokenizer_name", "z"},
			"--tokenizer_name: z cannot act: it belongs to config_name"},
	} {
		code, _, stderr := call("", append([]string{"train", "--dataset", "d", "--output_dir", t.TempDir()},
			c.flags...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, c.want)
	}
}

func TestPretrainTinyNeedsNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	said := must(t, "train", "--config", "pretrain-tiny", "--output_dir", out, "--max_steps", "2", "--val_size", "2",
		"--per_device_train_batch_size", "2", "--warmup_steps", "1")
	require.Contains(t, said, "Sample after step 2: Once upon a time")
	require.FileExists(t, filepath.Join(out, "tokenizer.model"))
}

func TestSamplesAreKept(t *testing.T) {
	base, prompts := tiny(t, tinymodel.Config{}), file(t, "prompts.txt", "say a, please\n\nsay b\n")
	out := filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 14), out, "--sample_prompts", "@"+prompts, "--sample_steps", "4",
		"--sample_max_new_tokens", "6")...)
	text, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
	require.NoError(t, err)
	samples := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var row struct{ Prompt, Sample string }
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		if row.Prompt != "" {
			samples[row.Prompt]++
			if samples[row.Prompt] == 3 { // the finished adapter by itself
				answer := must(t, "generate", "--adapter_name_or_path", out, "--prompt", row.Prompt, "--temperature",
					"0", "--max_new_tokens", "6")
				require.Equal(t, strings.TrimRight(answer, " \n"), row.Sample)
			}
		}
	}
	require.Equal(t, map[string]int{"say a, please": 3, "say b": 3}, samples, "before, at step 4, at the end")
	code, _, stderr := call("", training(base, rows(t, 14), filepath.Join(t.TempDir(), "run"), "--sample_prompts",
		strings.Repeat("long ", 200))...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "of sample_prompts has")
}
