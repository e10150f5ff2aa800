package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fettle/internal/settings"
)

// own lists settings of a program, with aliases.
const own = "model_name_or_path base_model data_path dataset datasets data eval_dataset recipe finetuning_type " +
	"adapter lora_rank lora_r lora_alpha lora_dropout lora_target_modules lora_target per_device_train_batch_size " +
	"micro_batch_size gradient_accumulation_steps grad_accumulation_steps learning_rate max_seq_length cutoff_len " +
	"sequence_len val_size additional_target " +
	"val_set_size val_split_fraction max_steps num_epochs num_train_epochs epochs max_length max_seq_len eval_steps " +
	"save_steps output_dir quantization quantize train_on lr_scheduler lr_scheduler_type logging_steps warmup_ratio " +
	"warmup_steps lora_model_dir overlong over_long excess_length_strategy adapter_name_or_path fine_tune_type " +
	"target_modules r evals_per_epoch saves_per_epoch max_samples strict " +
	"additional_target modules_to_save lora_modules_to_save"

// translated reads a file, with the values as texts, and returns the settings that result.
func translated(t testing.TB, text string) (map[string]any, settings.Translation) {
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &node))
	var entries []settings.Entry
	for i := 0; i < len(node.Content[0].Content); i += 2 {
		key, value := node.Content[0].Content[i], node.Content[0].Content[i+1]
		e := settings.Entry{Key: key.Value, Place: settings.Place{Strength: settings.File,
			Source: fmt.Sprintf("config f.yaml:%d", key.Line), Name: key.Value}}
		switch {
		case value.ShortTag() == "!!null":
		case value.Kind == yaml.ScalarNode:
			e.Value = value.Value
		default:
			require.NoError(t, value.Decode(&e.Value))
		}
		entries = append(entries, e)
	}
	tr := Reader{Own: strings.Fields(own), Recipes: []string{"alpaca", "alpaca-lora", "vicuna"}, LoRA: "lora",
		Full: "full", NF4: "nf4"}.Translate(entries)
	values := map[string]any{}
	for _, strength := range []settings.Strength{settings.Preset, settings.File} {
		for _, e := range tr.Entries {
			if e.Place.Strength == strength {
				values[e.Key] = e.Value
			}
		}
	}
	return values, tr
}

func TestAFileIsOfTheProgramWhoseKeysItHas(t *testing.T) {
	for text, want := range map[string]string{
		"{stage: sft, template: llama3, bf16: true, do_train: true, report_to: none, ddp_timeout: 1}": "LLaMA-Factory",
		"{sequence_len: 512, optimizer: adamw_torch, micro_batch_size: 2, bf16: auto}":                "axolotl",
		"{use_peft: true, dataset_text_field: text, report_to: none}":                                 "TRL",
		"{train_on_inputs: true, prompt_template_name: alpaca, cutoff_len: 256}":                      "Alpaca-LoRA",
		"{iters: 10, lora_parameters: {rank: 4}, fine_tune_type: lora}":                               "mlx-lm",
		"{eval_strategy: steps, report_to: none}":                                                     "transformers",
		"{learning_rate: 1e-4, bf16: true}":                                                           "",
		"{micro_batch_size: 2, sequence_len: 512, val_set_size: 0.1}":                                 "",
		"{recipe: alpaca, eval_strategy: steps, report_to: none}":                                     "",
	} {
		_, tr := translated(t, text)
		require.Equal(t, want, tr.Program, text)
	}
}

func TestKeysAreTranslated(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "valid.jsonl"), nil, 0o600))
	for text, want := range map[string]map[string]any{
		"quantization_bit: 4":                          {"quantization": "nf4"},
		"load_in_4bit: true":                           {"quantization": "nf4"},
		"load_in_4bit: false":                          {},
		"quantize: bnb.nf4-dq":                         {"quantization": "nf4"},
		"quantize: int8":                               {"quantize": "int8"},
		"adapter: qlora":                               {"finetuning_type": "lora", "quantization": "nf4"},
		"adapter: llama-adapter":                       {"adapter": "llama-adapter"},
		"lora_target_linear: true":                     {"lora_target_modules": "all-linear"},
		"train_on_prompt: true":                        {"train_on": "all"},
		"train_on_inputs: false":                       {"train_on": "assistant"},
		"{train_on_prompt: false, mask_history: true}": {"train_on": "last_turn"},
		"completion_only_loss: true":                   {"train_on": "completion"},
		"assistant_only_loss: true":                    {"train_on": "assistant"},
		"mask_prompt: true":                            {"train_on": "completion"},
		"batch_size: 8": {"per_device_train_batch_size": "8",
			"gradient_accumulation_steps": "1"},
		"{batch_size: 128, micro_batch_size: 4}": {"micro_batch_size": "4", "gradient_accumulation_steps": "32"},
		"{batch_size: 2, gradient_accumulation_steps: 8}": {"per_device_train_batch_size": "2",
			"gradient_accumulation_steps": "8"},
		"{iters: 600, grad_accumulation_steps: 4}": {"max_steps": "150", "grad_accumulation_steps": "4"},
		"adapter_path: runs/a":                     {"adapter_name_or_path": "runs/a"},
		"template: llama3":                         {"recipe": "chat_template"},
		"template: alpaca-lora":                    {"recipe": "alpaca-lora"},
		"chat_template: tokenizer_default":         {"recipe": "chat_template"},
		"prompt_template_name: alpaca_short":       {"recipe": "alpaca-lora-short"},
		"{dataset: 'a,b.json', dataset_dir: d}":    {"dataset": []string{"d/dataset_info.json:a", "b.json"}},
		"datasets: [{path: a.jsonl, type: alpaca, split: train}]": {"dataset": []string{"a.jsonl"},
			"dataset_format": "alpaca", "recipe": "alpaca-lora"},
		"datasets: [{path: a.json, type: chat_template, field_messages: turns, message_property_mappings: " +
			"{role: from, content: value}}]": {"dataset": []string{"a.json"}, "recipe": "chat_template",
			"columns": []string{"content=value", "conversations=turns", "role=from"}},
		"datasets: [{path: a.json, type: completion, field: body}, {path: b.json, type: completion}]": {
			"dataset": []string{"a.json", "b.json"}, "dataset_format": "text", "columns": []string{"text=body"}},
		"dataset_text_field: body":                          {"columns": []string{"text=body"}},
		"{eval_strategy: epoch, eval_steps: 5}":             {"evals_per_epoch": "1"},
		"{eval_strategy: steps, eval_steps: 5}":             {"eval_steps": "5"},
		"{save_strategy: epoch}":                            {"saves_per_epoch": "1"},
		"save_strategy: 'no'":                               {"save_steps": "0"},
		"{special_tokens: {pad_token: x, eos_token: </s>}}": {},
		"{bf16: true, wandb_project: null, neftune_noise_alpha: null, packing: false, use_dora: 'no'}": {},
		"plugins: [axolotl.integrations.liger.LigerPlugin]":                                            {},
		"optim: paged_adamw_8bit": {},
		"model_max_length: 512":   {"max_seq_length": "512"},
	} {
		values, tr := translated(t, text)
		require.Empty(t, tr.Problems, text)
		for key, value := range want {
			require.Equal(t, value, values[key], "%s: %s", text, key)
		}
		if tr.Program == "" {
			require.Len(t, values, len(want), text)
		}
	}
	values, _ := translated(t, "{data: "+dir+", iters: 10, "+
		"lora_parameters: {rank: 4, scale: 10.0, keys: [self_attn.q_proj]}}")
	require.Equal(t, []string{filepath.Join(dir, "train.jsonl")}, values["dataset"])
	require.Equal(t, []string{filepath.Join(dir, "valid.jsonl")}, values["eval_dataset"])
	require.Equal(t, []any{"4", "40", []string{"q_proj"}},
		[]any{values["lora_rank"], values["lora_alpha"], values["lora_target_modules"]})
}

func TestOtherMeaningsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"packing: true":            "a step here counts sequences",
		"sample_packing: true":     "a step here counts sequences",
		"neftune_noise_alpha: 5":   "NEFTune",
		"use_dora: true":           "DoRA is not done here",
		"fine_tune_type: dora":     "DoRA is not done here",
		"use_galore: true":         "another method",
		"loraplus_lr_ratio: 16":    "another method",
		"stage: dpo":               "dpo: only stage sft",
		"stage: pt":                "dataset_format: text",
		"rl: dpo":                  "preference",
		"load_in_8bit: true":       "another arithmetic",
		"quantization_bit: 8":      "LLM.int8()",
		"bnb_4bit_quant_type: fp4": "write nf4",
		"optim: adafactor":         "the optimizer is AdamW",
		"template: alpaca":         "recipe: alpaca is Stanford's",
		"template: vicuna":         "recipe: vicuna is FastChat's",
		"template: unheard":        "another program's template",
		"special_tokens: {additional_special_tokens: x}":                       "those of the model's own files",
		"datasets: [{path: a, type: {format: x}}]":                             "is not read here",
		"datasets: [{path: a, type: alpaca}, {path: b, type: completion}]":     "one prompt",
		"plugins: [x.SpectrumPlugin]":                                          "plugins are not loaded",
		"{batch_size: 10, micro_batch_size: 4}":                                "no multiple",
		"{batch_size: 8, micro_batch_size: 4, gradient_accumulation_steps: 2}": "set twice",
		"eval_steps: 0.1": "a fraction of the run",
		"{train_on_prompt: true, mask_history: true}":                     "only one",
		"optimizer: {_component_: torch.optim.AdamW, lr: 1e-4}":           "write learning_rate and weight_decay",
		"data: {class_path: litgpt.data.JSON, init_args: {json_path: x}}": "write dataset",
		"num_layers: 16": "in all layers",
	} {
		_, tr := translated(t, text)
		require.Len(t, tr.Problems, 1, text)
		require.Contains(t, tr.Problems[0].Text, want, text)
	}
}

func TestAnotherProgramsDefaultsFillItsFile(t *testing.T) {
	lf, tr := translated(t, "{stage: sft, template: llama3, lora_rank: 64, cutoff_len: 100, dataset: a.json}")
	require.Equal(t, []any{"64", "128", "all", "5e-5", "linear", "8", "assistant", "100", nil, "chat_template"},
		[]any{lf["lora_rank"], lf["lora_alpha"], lf["lora_target_modules"], lf["learning_rate"], lf["lr_scheduler_type"],
			lf["per_device_train_batch_size"], lf["train_on"], lf["cutoff_len"], lf["max_seq_length"], lf["recipe"]})
	require.Contains(t, tr.Notes, settings.Note{Text: "128",
		Place: settings.Place{Strength: settings.Preset, Source: "default of LLaMA-Factory", Name: "lora_alpha"}})
	lf, _ = translated(t, "{stage: sft, template: llama3, lora_rank: 64, lora_alpha: 16}")
	require.Equal(t, "16", lf["lora_alpha"])
	lf, _ = translated(t, "{stage: sft, template: llama3, eval_steps: 5}")
	require.Nil(t, lf["eval_steps"], "eval_strategy is no")
	_, tr = translated(t, "{iters: 10, lora_parameters: {rank: 4}, fine_tune_type: lora}")
	require.Equal(t, "adapters are in the upper 16 layers there, in all of them here", tr.Notes[len(tr.Notes)-1].Text)
	ax, _ := translated(t, "{sequence_len: 64, optimizer: adamw_torch}")
	require.Equal(t, []any{"full", "1", "1", "cosine", "drop"}, []any{ax["finetuning_type"],
		ax["per_device_train_batch_size"], ax["num_train_epochs"], ax["lr_scheduler_type"], ax["over_long"]})
	ax, _ = translated(t, "{sequence_len: 64, optimizer: adamw_torch, save_steps: 7, warmup_steps: 3, max_steps: 9}")
	require.Equal(t, []any{"7", nil, "3", nil, "9", nil}, []any{ax["save_steps"], ax["saves_per_epoch"],
		ax["warmup_steps"], ax["warmup_ratio"], ax["max_steps"], ax["num_train_epochs"]})
	fire, _ := translated(t, "{batch_size: 64, train_on_inputs: true, prompt_template_name: ''}")
	require.Equal(t, []any{"4", "16", "2000", "alpaca-lora"}, []any{fire["per_device_train_batch_size"],
		fire["gradient_accumulation_steps"], fire["val_size"], fire["recipe"]})
}

func TestEveryKeyHasOneFact(t *testing.T) {
	require.NotPanics(t, func() { facts() })
	for _, row := range Table() {
		require.NotEmpty(t, row[2], row[0])
	}
	for _, p := range programs() {
		for mark := range strings.FieldsSeq(p.marks) {
			_, known := facts()[mark]
			require.True(t, known || contains(own, mark), "%s: %s", p.name, mark)
		}
	}
}
