package train

import (
	"fettle/adapter"
	"fettle/internal/compute"
)

// Config holds the settings of a run. Its keys are Hugging Face's where those exist; alias lists the names that other
// tools use. A run keeps it as config.yaml in its output directory, with all defaults filled in.
type Config struct {
	ModelName string  `yaml:"model_name_or_path" path:"read" group:"model" alias:"base_model,model,checkpoint_dir" help:"base model: a directory (Hugging Face's or Meta's layout), a GGUF file or one of llama2.c"`
	Shape     string  `yaml:"config_name" path:"read" help:"train from random weights, drawn by the seed, instead of a base model: a config.json, its directory or fettle-tiny"`
	Tokenizer string  `yaml:"tokenizer_name" path:"read" help:"directory of the tokenizer, with config_name"`
	Spread    float64 `yaml:"initializer_range" help:"standard deviation of the random weights, with config_name"`
	Adapter   string  `yaml:"adapter_name_or_path" path:"read" alias:"lora_model_dir" help:"adapter of any form to start from; its weights only"`
	OtherBase bool    `yaml:"allow_other_base" help:"continue an adapter on a base that it was not trained on, such as a quantized copy of its own"`
	Recipe    string  `yaml:"recipe" path:"named" group:"data" help:"prompt template and loss mask: alpaca, alpaca-lora, llama-adapter, chatdoctor, vicuna, koala, baize, gpt4all, ..., chat_template (the model's own) or a file.jinja"`

	Dataset       []string `yaml:"dataset" path:"read" alias:"datasets,data_path,data" help:"training files, or the built-in fettle-world (texts) and fettle-questions; dataset_info.json:NAME names an entry of LLaMA-Factory's file"`
	DatasetFormat string   `yaml:"dataset_format" help:"auto, alpaca, sharegpt, messages, prompt_completion, text, tokenized, ..."`
	Weights       []string `yaml:"dataset_weights" help:"passes over each training file in an epoch, such as 1,0.5; empty: one"`
	MaxSamples    int      `yaml:"max_samples" help:"rows to read of each file for training or evaluation, from the first; 0: all"`
	Columns       []string `yaml:"columns" pairs:"true" help:"fields under other names, such as instruction=question,output=answer"`
	OnBadRow      string   `yaml:"on_bad_row" help:"stop at a record that cannot be read, or skip it"`
	Specials      string   `yaml:"parse_specials" help:"names of control tokens in the data become those tokens: recipe (as its original), yes or no"`
	Clean         bool     `yaml:"clean" help:"clean shared conversations as FastChat does: HTML becomes Markdown, unusable ones are dropped"`
	Fix           bool     `yaml:"fix" help:"repair findings of the linter where that is safe"`
	Allow         []string `yaml:"allow" help:"rules of the linter to ignore; see fettle inspect"`
	DataCache     string   `yaml:"data_cache" path:"written" help:"directory for encoded data; empty: no cache"`
	Cutoff        int      `yaml:"max_seq_length" most:"16777216" alias:"cutoff_len,sequence_len,max_length,max_seq_len" help:"longest sequence in tokens; 0: the recipe's"`
	OverLong      string   `yaml:"over_long" alias:"overlong,excess_length_strategy" help:"longer sequences: truncate (as the recipes), drop, truncate_prompt, proportional (round by round, as LLaMA-Factory does), split or error; auto: truncate, but split plain text"`
	TrainOn       string   `yaml:"train_on" help:"learned tokens: recipe (as its original), assistant, last_turn, completion or all"`
	ValSize       float64  `yaml:"val_size" alias:"val_set_size,val_split_fraction" help:"examples held out for evaluation: a number, or a fraction below 1"`
	EvalDataset   []string `yaml:"eval_dataset" path:"read" help:"files for evaluation instead of val_size"`
	Shuffle       bool     `yaml:"shuffle" help:"shuffle the examples in every epoch"`
	DropLast      bool     `yaml:"dataloader_drop_last" help:"drop the last, incomplete micro-batch of each epoch"`

	Type string `yaml:"finetuning_type" group:"method" alias:"adapter,fine_tune_type" help:"method: lora, llama-adapter, full, ..."`

	adapter.Methods `yaml:",inline"`

	BatchSize    int      `yaml:"per_device_train_batch_size" most:"65536" group:"optimization" alias:"micro_batch_size" help:"sequences in a micro-batch"`
	Accumulation int      `yaml:"gradient_accumulation_steps" most:"1048576" alias:"grad_accumulation_steps" help:"micro-batches in an optimizer step"`
	Epochs       float64  `yaml:"num_train_epochs" most:"1000000" alias:"num_epochs,epochs" help:"passes over the data"`
	MaxSteps     int      `yaml:"max_steps" help:"optimizer steps, instead of num_train_epochs; 0: by epochs"`
	LearningRate float64  `yaml:"learning_rate" help:"peak learning rate"`
	Schedule     string   `yaml:"lr_scheduler_type" alias:"lr_scheduler" help:"linear, cosine, cosine_with_restarts, cosine_with_min_lr, cosine_warmup_with_min_lr, polynomial, constant (without warm-up), constant_with_warmup, inverse_sqrt or warmup_stable_decay, as in Hugging Face's trainer"`
	ScheduleArgs []string `yaml:"lr_scheduler_kwargs" pairs:"true" help:"more of the schedule, such as num_cycles=2, min_lr_rate=0.1, lr_end=1e-6,power=2, num_decay_steps=100"`
	WarmupSteps  float64  `yaml:"warmup_steps" help:"warm-up steps; below 1: a fraction of all steps, rounded up"`
	WarmupRatio  float64  `yaml:"warmup_ratio" help:"warm-up as a fraction of all steps, if warmup_steps is 0"`
	WeightDecay  float64  `yaml:"weight_decay" help:"decoupled weight decay of AdamW; norms and biases have none"`
	Beta1        float64  `yaml:"adam_beta1" help:"β₁ of AdamW"`
	Beta2        float64  `yaml:"adam_beta2" help:"β₂ of AdamW"`
	Epsilon      float64  `yaml:"adam_epsilon" help:"ε of AdamW"`
	MaxGradNorm  float64  `yaml:"max_grad_norm" help:"largest norm of the gradient, clipped beyond; 0: no clipping"`
	OnNaN        string   `yaml:"on_nan" help:"after a step whose loss or gradient is not finite: stop, skip it, or rollback: return to the last checkpoint's weights and leave out all steps since; at most 10 times"`
	Seed         uint64   `yaml:"seed" help:"seed of initial values, data order and dropout"`

	Compute     string `yaml:"compute" group:"compute" help:"arithmetic of products with frozen weights: auto, f32, bf16 or int8 (rounds activations to eight bits, and weights that are neither in GGUF's blocks nor nf4)"`
	Quantized   string `yaml:"quantization" alias:"quantize" help:"frozen projections in memory: none (as stored), int8 or nf4 (QLoRA)"`
	SharePrefix string `yaml:"share_prefix" words:"true=true,false=false" help:"compute a prefix that sequences of a micro-batch have in common once: true, false or auto (with bf16 and int8, without dropout); equal up to rounding, which depends on per_device_train_batch_size"`
	Recompute   string `yaml:"recompute" alias:"gradient_checkpointing" bare:"true" words:"true=all,false=none,offload=all,offload_disk=all,unsloth=all" help:"recompute activations: auto, all (least memory) or none (fastest)"`
	MaxMemory   string `yaml:"max_memory" help:"memory limit such as 8G; a run that needs more is refused. auto: the available memory; none, or --allow memory: no limit"`
	ActivationM int    `yaml:"activation_memory_mb" most:"16777216" help:"memory for kept activations in MiB, with recompute: auto"`

	OutputDir    string  `yaml:"output_dir" path:"written" group:"output" help:"directory of the run"`
	EvalSteps    int     `yaml:"eval_steps" help:"steps between evaluations; 0: before and after only. eval_loss is a mean over learned tokens"`
	EvalsEpoch   int     `yaml:"evals_per_epoch" help:"evaluations in an epoch, instead of eval_steps; 0: by eval_steps"`
	Patience     int     `yaml:"early_stopping_patience" help:"end the run after this many evaluations without a better loss; 0: never"`
	Threshold    float64 `yaml:"early_stopping_threshold" help:"decrease of the held-out loss that counts as better for early stopping"`
	LoadBest     bool    `yaml:"load_best_model_at_end" help:"take the checkpoint with the lowest held-out loss as the result, not the last one"`
	BestBy       string  `yaml:"metric_for_best_model" help:"metric of load_best_model_at_end: eval_loss"`
	SaveSteps    int     `yaml:"save_steps" help:"steps between checkpoints; 0: at the end only"`
	SavesEpoch   int     `yaml:"saves_per_epoch" help:"checkpoints in an epoch, instead of save_steps; 0: by save_steps"`
	SaveLimit    int     `yaml:"save_total_limit" help:"checkpoints to keep, the best one always among them; 0: all"`
	SaveDType    string  `yaml:"save_dtype" help:"type of the result of full tuning: float32, bfloat16, float16, or base, as the base has it; checkpoints are float32"`
	LoggingSteps int     `yaml:"logging_steps" help:"steps between printed lines, if the terminal cannot update a line"`
	Resume       string  `yaml:"resume" path:"named" alias:"resume_from_checkpoint" bare:"auto" words:"true=auto,latest=auto,last=auto,auto=auto,false=none,none=none,null=none" help:"auto, none or a checkpoint directory"`

	SamplePrompts []string `yaml:"sample_prompts" whole:"true" help:"instructions to answer during the run; @FILE: one on each line"`
	SampleSteps   int      `yaml:"sample_steps" help:"steps between answers; 0: before and after only"`
	SampleTokens  int      `yaml:"sample_max_new_tokens" most:"16777216" help:"longest answer in tokens"`
}

// Defaults returns the settings of a run that do not depend on its model and data.
func Defaults() Config {
	return Config{
		Spread: 0.02, Type: adapter.TypeLoRA, Methods: adapter.Defaults(),

		Recipe: "alpaca", DatasetFormat: "auto", OverLong: "auto", OnBadRow: "stop", Specials: "recipe",
		TrainOn: "recipe", Shuffle: true,

		BatchSize: 4, Accumulation: 1, Epochs: 3, LearningRate: 3e-4, Schedule: "cosine", WarmupRatio: 0.03,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, MaxGradNorm: 1, OnNaN: onNaNStop, Seed: 42,

		Compute: compute.ModeAuto, Quantized: compute.NotQuantized, SharePrefix: "auto", Recompute: "auto",
		ActivationM: 1024, MaxMemory: "auto",

		SaveSteps: 200, SaveLimit: 3, SaveDType: "float32", LoggingSteps: 10, Resume: "auto", BestBy: "eval_loss",
		SampleTokens: 64,
	}
}

// KeptActivations returns the bytes that activations may take between the forward and the backward pass.
func (c Config) KeptActivations() int64 {
	switch c.Recompute {
	case "all":
		return 0
	case "none":
		return 1 << 62
	}
	return int64(c.ActivationM) << 20
}

// Method returns the run's method: finetuning_type with the run's settings or, where the run continues an adapter, with
// the settings of that adapter.
func (c Config) Method() (adapter.Method, error) {
	m, err := c.Methods.Find(c.Type)
	if err != nil || c.Adapter == "" || c.Type == adapter.TypeFull {
		return m, err
	}
	return adapter.Continued(c.Adapter, m)
}

// ResolvePerEpoch replaces evals_per_epoch and saves_per_epoch by steps, given the number of examples. With
// load_best_model_at_end every checkpoint is evaluated.
func (c *Config) ResolvePerEpoch(examples int) {
	per := newSteps(*c, examples).perEpoch
	for _, each := range []struct{ times, steps *int }{{&c.EvalsEpoch, &c.EvalSteps}, {&c.SavesEpoch, &c.SaveSteps}} {
		if n := *each.times; n > 0 {
			*each.steps, *each.times = (per+n-1)/n, 0
		}
	}
	if c.LoadBest && c.EvalSteps > 0 {
		c.SaveSteps = (c.SaveSteps + c.EvalSteps - 1) / c.EvalSteps * c.EvalSteps
	}
}
