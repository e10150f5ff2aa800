package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestFilesOfOtherProgramsRun(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 24)
	for name, c := range map[string]struct {
		text string
		want map[string]any
	}{
		"LLaMA-Factory": {
			"stage: sft\ndo_train: true\ntrust_remote_code: true\nfinetuning_type: lora\nlora_rank: 4\nlora_target: all\n" +
				"dataset: %[2]s\ntemplate: alpaca-lora\ncutoff_len: 2048\nmax_samples: 10\noverwrite_cache: true\n" +
				"preprocessing_num_workers: 16\nlogging_steps: 10\nplot_loss: true\noverwrite_output_dir: true\n" +
				"report_to: none\ngradient_accumulation_steps: 2\nlearning_rate: 1.0e-4\nnum_train_epochs: 1.0\n" +
				"warmup_ratio: 0.1\nbf16: true\nddp_timeout: 180000000\nresume_from_checkpoint: null\n" +
				"val_size: 0.2\neval_strategy: steps\neval_steps: 1\ngradient_checkpointing: true\n" +
				"model_name_or_path: %[1]s\noutput_dir: %[3]s\n",
			map[string]any{"lora_alpha": 8, "per_device_train_batch_size": 8, "lr_scheduler_type": "linear",
				"train_on": "assistant", "recompute": "all", "max_seq_length": 512, "max_samples": 10,
				"eval_steps": 1, "warmup_ratio": 0.1},
		},
		"axolotl": {
			"base_model: %[1]s\nmodel_type: LlamaForCausalLM\nload_in_8bit: false\nload_in_4bit: false\nstrict: false\n" +
				"datasets:\n  - path: %[2]s\n    type: alpaca\nval_set_size: 0.1\noutput_dir: %[3]s\nadapter: lora\n" +
				"lora_model_dir:\nsequence_len: 256\nsample_packing: false\nlora_r: 4\nlora_alpha: 8\nlora_dropout: 0.05\n" +
				"lora_target_modules:\nlora_target_linear: true\nwandb_project:\nwandb_entity:\ngradient_accumulation_steps: 1\n" +
				"micro_batch_size: 2\noptimizer: adamw_bnb_8bit\nlr_scheduler: cosine\nlearning_rate: 0.0002\n" +
				"train_on_inputs: false\nbf16: auto\ntf32: false\nflash_attention: true\nwarmup_steps: 2\n" +
				"evals_per_epoch: 2\nsaves_per_epoch: 1\nspecial_tokens:\n  pad_token: <pad>\n",
			map[string]any{"num_train_epochs": 1, "recipe": "alpaca-lora", "train_on": "assistant", "over_long": "drop",
				"eval_steps": 6, "save_steps": 11, "lora_target_modules": []any{"all-linear"}, "warmup_steps": 2},
		},
		"Alpaca-LoRA": {
			"base_model: %[1]s\ndata_path: %[2]s\noutput_dir: %[3]s\nbatch_size: 8\nmicro_batch_size: 2\nnum_epochs: 1\n" +
				"cutoff_len: 256\nval_set_size: 4\nlora_r: 4\nlora_target_modules: '[q_proj,v_proj]'\ntrain_on_inputs: True\n" +
				"group_by_length: False\nprompt_template_name: alpaca\nwarmup_steps: 1\n",
			map[string]any{"gradient_accumulation_steps": 4, "per_device_train_batch_size": 2, "lora_alpha": 16,
				"recipe": "alpaca-lora", "train_on": "all", "lora_dropout": 0.05},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			code, _, stderr := call("", "train", "--config", file(t, "run.yaml", fmt.Sprintf(c.text, base, set, out)))
			require.Zero(t, code, stderr)
			require.Contains(t, stderr, "is a file of "+name)
			settings := ran(t, out)
			for key, value := range c.want {
				require.Equal(t, value, settings[key], key)
			}
		})
	}
}

func TestUnusableSettingsOfOtherProgramsAreNamedAtOnce(t *testing.T) {
	code, _, stderr := call("", "plan", "--config", file(t, "run.yaml", "stage: dpo\ntemplate: alpaca\nbf16: true\n"+
		"use_dora: true\nplot_loss: true\npacking: true\nlerning_rate: 1\nneftune_noise_alpha: 5\n"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "6 settings cannot be used:\n")
	for _, want := range []string{`run.yaml:1  "stage" `, `run.yaml:2  "template" `, `run.yaml:4  "use_dora" `,
		`run.yaml:6  "packing" `, `run.yaml:7  "lerning_rate" `, `run.yaml:8  "neftune_noise_alpha" `} {
		require.Contains(t, stderr, want)
	}
	_, others, _ := strings.Cut(stderr, "The other keys of another program:\n")
	require.Contains(t, others, `run.yaml:3  "bf16" `)
	require.Contains(t, others, `run.yaml:5  "plot_loss" `)
}

func TestFlagsOfOtherProgramsAreRead(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 24)
	out := filepath.Join(t.TempDir(), "run")
	must(t, "train", "--base_model", base, "--data_path", set, "--output_dir", out, "--batch_size", "8",
		"--micro_batch_size=4", "--num_epochs", "1", "--train_on_inputs", "False", "--group_by_length=False",
		"--lora_target_modules", "[q_proj,k_proj]", "--bf16", "--fp16", "False", "--recipe", "alpaca-lora-short",
		"--quantize", "bnb.nf4", "--warmup_ratio", "0")
	settings := ran(t, out)
	require.Equal(t, []any{4, 2, "assistant", "nf4", []any{"q_proj", "k_proj"}},
		[]any{settings["per_device_train_batch_size"], settings["gradient_accumulation_steps"], settings["train_on"],
			settings["quantization"], settings["lora_target_modules"]})
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--use_dora", "true"}, "--use_dora: DoRA is not done here"},
		{[]string{"--neftune_noise_alpha", "5"}, "--neftune_noise_alpha: NEFTune"},
		{[]string{"--max_sample=3"}, "did you mean \"--max_samples\""},
		{[]string{"--batch_size", "6", "--micro_batch_size", "4"}, "no multiple"},
		{[]string{"--max_steps", "-2"}, "max_steps is -2"},
	} {
		code, _, stderr := call("", append([]string{"plan", "--model_name_or_path", base, "--dataset", set}, c.flags...)...)
		require.Equal(t, exitUsage, code, c.want)
		require.Contains(t, stderr, c.want)
	}
}
