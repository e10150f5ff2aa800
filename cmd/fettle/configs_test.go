package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	ready "fettle/configs"
	"fettle/data/recipe"
	"fettle/train"
)

// readConfig loads a built-in config as train does.
func readConfig(t *testing.T, name string) train.Config {
	c, cmd := train.Defaults(), &cobra.Command{}
	s := addSettings(cmd, &c)
	flags := []string{"--config", name, "--model_name_or_path", "m", "--dataset", "d", "--output_dir", "o"}
	if name == "pretrain-tiny" {
		flags = flags[:2] // it needs nothing else
	}
	require.NoError(t, cmd.ParseFlags(flags))
	require.NoError(t, load(cmd, s))
	require.NoError(t, c.Validate(), name)
	return c
}

func TestSharePrefixTakesWordsAndYAMLBooleans(t *testing.T) {
	for text, want := range map[string]string{"true": "true", "false": "false", "auto": "auto", `"true"`: "true",
		"null": "auto"} {
		c := readConfig(t, file(t, "run.yaml", "share_prefix: "+text+"\n"))
		require.Equal(t, want, c.SharePrefix, text)
	}
	code, _, stderr := call("", "train", "--config", file(t, "run.yaml", "share_prefix: true\nlora_dropout: 0.05\n"),
		"--model_name_or_path", "m", "--dataset", "d", "--output_dir", "o")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "share_prefix is true with lora_dropout 0.05")
}

func TestConfigsAreThePublishedPresets(t *testing.T) {
	presets := map[string]string{
		"alpaca-7b": "repo", "alpaca-lora-7b": "repo", "alpaca-lora-official-7b": "official",
		"llama-adapter-7b": "repo", "chatdoctor-7b": "repo",
		"chatdoctor-full-7b": "paper", "vicuna-7b": "repo", "vicuna-lora-7b": "ours", "koala-13b": "ours",
		"baize-7b": "repo", "gpt4all-lora": "repo",
	}
	for _, name := range ready.Names() {
		c := readConfig(t, name)
		r, err := recipe.Find(c.Recipe)
		require.NoError(t, err, name)
		if name == "alpaca-13b" {
			require.Equal(t, []float64{1e-5, 5}, []float64{c.LearningRate, c.Epochs}, "spec of Stanford Alpaca")
			continue
		}
		if presets[name] == "" {
			continue
		}
		p, err := r.Preset(presets[name])
		require.NoError(t, err, name)
		require.Equal(t, methodOf(p), c.Type, name)
		require.Equal(t, p.LearningRate, c.LearningRate, name)
		require.Equal(t, p.Schedule, c.Schedule, name)
		require.Equal(t, p.WarmupSteps, c.WarmupSteps, name)
		if c.WarmupSteps == 0 {
			require.Equal(t, p.WarmupRatio, c.WarmupRatio, name)
		}
		require.Equal(t, p.Epochs, c.Epochs, name)
		require.Equal(t, p.Batch, c.BatchSize*c.Accumulation, name)
		require.Equal(t, p.Cutoff, c.Cutoff, name)
		require.Equal(t, p.WeightDecay, c.WeightDecay, name)
		require.Equal(t, p.Beta2, c.Beta2, name)
		require.Equal(t, p.Clip, c.MaxGradNorm, name)
		switch c.Type {
		case "lora":
			require.Equal(t, []any{p.Rank, p.Alpha, p.Dropout, p.Targets},
				[]any{c.LoRA.Rank, c.LoRA.Alpha, c.LoRA.Dropout, c.LoRA.Targets}, name)
		case "llama-adapter":
			require.Equal(t, []any{p.PromptLen, p.PromptLayers}, []any{c.LLaMAAdapter.Len, c.LLaMAAdapter.Layers}, name)
		}
		delete(presets, name)
	}
	require.Empty(t, presets, "configs that do not exist")
}

func TestConfigsStateTheOriginOfEverySetting(t *testing.T) {
	for _, name := range ready.Names() {
		text, ok := ready.Find(name)
		require.True(t, ok)
		require.Contains(t, string(text), "fettle train --config "+name, "%s shows how to use it", name)
		for line := range strings.Lines(string(text)) {
			require.Regexp(t, `^(#.*|\S+: .*\S +# .+)\n$`, line, name)
		}
	}
}
