package foreign

import (
	"slices"
	"strings"

	"fettle/internal/settings"
)

// program is another program whose files are read.
type program struct {
	name     string
	marks    string // keys that it alone has
	defaults string // for what its files leave out, as lines of setting: value

	differs [2]string // a key with a default that this program cannot take, and how runs differ
}

// programs lists them, transformers last.
func programs() []program {
	trainer := "learning_rate: 5e-5\nlr_scheduler_type: linear\nper_device_train_batch_size: 8\n" +
		"num_train_epochs: 3\nwarmup_ratio: 0\nsave_steps: 500\nsave_total_limit: 0\nlogging_steps: 500\n"
	return []program{
		{
			name: "LLaMA-Factory",
			marks: "stage template dataset_dir plot_loss overwrite_cache lora_target mask_history train_on_prompt " +
				"quantization_bit preprocessing_num_workers max_samples cutoff_len finetuning_type pure_bf16 " +
				"additional_target quantization_method disable_gradient_checkpointing loraplus_lr_ratio neat_packing " +
				"flash_attn enable_liger_kernel use_unsloth",
			defaults: trainer + "max_seq_length: 2048\nover_long: proportional\nlora_rank: 8\nlora_alpha: 2·lora_rank\n" +
				"lora_target_modules: all\ntrain_on: assistant\nrecipe: chat_template",
		},
		{
			name: "axolotl",
			marks: "sequence_len sample_packing pad_to_sequence_len dataset_prepared_path lora_target_linear " +
				"evals_per_epoch saves_per_epoch special_tokens eval_sample_packing wandb_entity lora_model_dir " +
				"datasets val_set_size micro_batch_size tokenizer_type model_type optimizer flash_attention " +
				"xformers_attention load_in_8bit strict",
			defaults: "finetuning_type: full\nlr_scheduler_type: cosine\nper_device_train_batch_size: 1\n" +
				"num_train_epochs: 1\nmax_seq_length: 512\nover_long: drop\nlora_rank: 8\nlora_alpha: 8\n" +
				"train_on: assistant\nwarmup_ratio: 0.03\nsaves_per_epoch: 1\nsave_total_limit: 0\nlogging_steps: 500",
		},
		{
			name: "TRL",
			marks: "use_peft dataset_name assistant_only_loss completion_only_loss dataset_text_field lora_task_type " +
				"dataset_num_proc chat_template_path padding_free dataset_train_split dataset_test_split eos_token " +
				"dataset_kwargs max_length packing attn_implementation torch_dtype dtype load_in_4bit " +
				"use_bnb_nested_quant",
			defaults: strings.NewReplacer("5e-5", "2e-5", "logging_steps: 500", "logging_steps: 10").Replace(trainer) +
				"finetuning_type: full\nmax_seq_length: 1024\n" +
				"lora_rank: 16\nlora_alpha: 32\nlora_dropout: 0.05\nrecipe: chat_template",
			differs: [2]string{"assistant_only_loss", "questions are learned too there, as train_on: all does here"},
		},
		{
			name: "Alpaca-LoRA",
			marks: "prompt_template_name train_on_inputs val_set_size cutoff_len wandb_watch wandb_run_name " +
				"wandb_log_model data_path add_eos_token",
			defaults: "recipe: alpaca-lora\nper_device_train_batch_size: 4\ngradient_accumulation_steps: 32\n" +
				"num_train_epochs: 3\nlearning_rate: 3e-4\nlr_scheduler_type: linear\nwarmup_steps: 100\nmax_seq_length: 256\n" +
				"val_size: 2000\nlora_rank: 8\nlora_alpha: 16\nlora_dropout: 0.05\neval_steps: 200\nsave_steps: 200\n" +
				"save_total_limit: 3",
		},
		{
			name: "mlx-lm",
			marks: "iters lora_parameters steps_per_report steps_per_eval val_batches save_every grad_checkpoint " +
				"num_layers fine_tune_type mask_prompt resume_adapter_file test_batches lora_layers optimizer_config " +
				"lr_schedule",
			defaults: "per_device_train_batch_size: 4\nmax_steps: 1000\nlearning_rate: 1e-5\nlr_scheduler_type: constant\n" +
				"max_seq_length: 2048\nmax_grad_norm: 0\nseed: 0\nlora_rank: 8\nlora_alpha: 160\n" +
				"lora_target_modules: all-linear\nsave_steps: 100\nrecipe: chat_template\ntrain_on: all\noutput_dir: adapters",
			differs: [2]string{"num_layers", "adapters are in the upper 16 layers there, in all of them here"},
		},
		{
			name: transformers,
			marks: "do_train do_eval eval_strategy evaluation_strategy save_strategy logging_strategy fp16 bf16 tf32 " +
				"report_to optim run_name per_device_eval_batch_size dataloader_num_workers remove_unused_columns " +
				"push_to_hub gradient_checkpointing_kwargs group_by_length ddp_timeout overwrite_output_dir " +
				"model_max_length ddp_find_unused_parameters",
			defaults: strings.TrimSpace(trainer),
		},
	}
}

// ours lists keys that this program alone has: a file with one of them is its own, whatever else it holds.
const ours = "recipe train_on over_long compute quantization share_prefix recompute dataset_format columns " +
	"on_bad_row parse_specials sample_prompts adapter_layers gate activation_memory_mb"

// recognized returns the program whose file the entries are from, or none: the one with most marks, two at least, of
// which one is no key of this program too. The marks of transformers, whose settings other programs extend, count where
// no other program is found.
func (r Reader) recognized(entries []settings.Entry) (best program) {
	most := 1
	for _, p := range programs() {
		n, alone := 0, false
		for _, e := range entries {
			if e.Place.Strength != settings.File {
				continue
			}
			if contains(ours, e.Key) {
				return program{}
			}
			if contains(p.marks, e.Key) {
				_, nested := e.Value.([]any)
				n, alone = n+1, alone || nested || !slices.Contains(r.Own, e.Key)
			}
		}
		if alone && n > most && (p.name != transformers || best.name == "") {
			best, most = p, n
		}
	}
	return best
}

// transformers is the library whose trainer the others extend.
const transformers = "transformers"

// contains reports whether words, separated by spaces, contain one.
func contains(words, word string) bool { return strings.Contains(" "+words+" ", " "+word+" ") }
