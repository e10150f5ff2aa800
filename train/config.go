package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/data/source"
	"fettle/internal/compute"
)

// Config is everything that defines a run. The keys are Hugging Face's where
// they exist; alias lists what other tools call the same thing. A run's
// output directory holds it as config.yaml, filled in.
type Config struct {
	ModelName string  `yaml:"model_name_or_path" group:"model" alias:"base_model,model,checkpoint_dir" help:"directory of the base model (Hugging Face layout)"`
	Shape     string  `yaml:"config_name" help:"instead of a base model: a config.json (or its directory, or fettle-tiny) whose weights are drawn by the seed, to train from nothing"`
	Tokenizer string  `yaml:"tokenizer_name" help:"directory of the tokenizer, where config_name is set"`
	Spread    float64 `yaml:"initializer_range" help:"standard deviation of drawn weights, where config_name is set"`
	Adapter   string  `yaml:"adapter_name_or_path" alias:"lora_model_dir,adapter_path" help:"adapter to start from (its weights only)"`
	Recipe    string  `yaml:"recipe" group:"data" alias:"template,chat_template,prompt_style" help:"whose prompts and masks to use: alpaca, alpaca-lora, llama-adapter, chatdoctor, vicuna, koala, baize, gpt4all, ..., chat_template (the model's own) or a file.jinja"`

	Dataset       []string `yaml:"dataset" alias:"datasets,data_path,data" help:"training files, or the built-in fettle-world (texts) and fettle-questions; dataset_info.json:NAME is a data set that LLaMA-Factory's file describes"`
	DatasetFormat string   `yaml:"dataset_format" help:"auto, alpaca, sharegpt, messages, prompt_completion, text, tokenized, ..."`
	Weights       []string `yaml:"dataset_weights" help:"how often an epoch sees each training file, such as 1,0.5; empty: once"`
	Columns       []string `yaml:"columns" help:"fields under other names, such as instruction=question,output=answer"`
	OnBadRow      string   `yaml:"on_bad_row" help:"what to do with a record that cannot be read: stop or skip"`
	Specials      string   `yaml:"parse_specials" help:"whether names of control tokens in the data become them: recipe (as upstream), yes or no"`
	Clean         bool     `yaml:"clean" help:"clean shared conversations as FastChat does: HTML becomes Markdown, unusable ones go"`
	Fix           bool     `yaml:"fix" help:"repair in the data what can be repaired safely"`
	Allow         []string `yaml:"allow" help:"rules of the linter that may be broken; see fettle inspect"`
	DataCache     string   `yaml:"data_cache" help:"directory that keeps encoded data for the next run; empty: none"`
	Cutoff        int      `yaml:"max_seq_length" alias:"cutoff_len,sequence_len,max_length,max_seq_len" help:"longest sequence in tokens; 0: the recipe's"`
	OverLong      string   `yaml:"over_long" alias:"overlong,excess_length_strategy" help:"what to do with longer ones: truncate (as the recipes), drop, truncate_prompt, split, error; auto: truncate, but split plain text"`
	TrainOn       string   `yaml:"train_on" help:"what is learned: recipe (as upstream), assistant, last_turn, completion or all"`
	ValSize       float64  `yaml:"val_size" alias:"val_set_size,val_split_fraction" help:"held out for evaluation: a number of examples, or below 1 a fraction"`
	EvalDataset   []string `yaml:"eval_dataset" help:"files for evaluation instead of val_size"`
	Shuffle       bool     `yaml:"shuffle" help:"a new order in every epoch"`
	DropLast      bool     `yaml:"dataloader_drop_last" help:"whole steps only: what is left over at the end of an epoch sits it out, as in trainers of 2023"`

	Type string `yaml:"finetuning_type" group:"method" alias:"adapter,fine_tune_type" help:"lora, llama-adapter or full"`

	adapter.Methods `yaml:",inline"`

	BatchSize    int     `yaml:"per_device_train_batch_size" group:"optimization" alias:"micro_batch_size,batch_size" help:"sequences of a micro-batch"`
	Accumulation int     `yaml:"gradient_accumulation_steps" alias:"grad_accumulation_steps" help:"micro-batches of an optimizer step"`
	Epochs       float64 `yaml:"num_train_epochs" alias:"num_epochs,epochs" help:"passes over the data"`
	MaxSteps     int     `yaml:"max_steps" alias:"iters" help:"optimizer steps instead of epochs; 0 or less: by epochs"`
	LearningRate float64 `yaml:"learning_rate" help:"peak learning rate"`
	Schedule     string  `yaml:"lr_scheduler_type" alias:"lr_scheduler" help:"linear, cosine or constant"`
	WarmupSteps  int     `yaml:"warmup_steps" help:"steps of warm-up"`
	WarmupRatio  float64 `yaml:"warmup_ratio" help:"warm-up as a fraction of all steps, when warmup_steps is 0"`
	WeightDecay  float64 `yaml:"weight_decay" help:"AdamW's decoupled decay"`
	Beta1        float64 `yaml:"adam_beta1" help:"AdamW"`
	Beta2        float64 `yaml:"adam_beta2" help:"AdamW"`
	Epsilon      float64 `yaml:"adam_epsilon" help:"AdamW"`
	MaxGradNorm  float64 `yaml:"max_grad_norm" help:"clip the gradient's norm; 0: never"`
	Seed         uint64  `yaml:"seed" help:"decides initial values, order and dropout"`

	Compute     string `yaml:"compute" group:"compute" help:"products of frozen weights: auto, f32, bf16 or int8 (which quantises them to int8)"`
	Quantized   string `yaml:"quantization" alias:"quantize" help:"how the frozen projections are kept in memory: none (as stored), int8 or nf4 (QLoRA)"`
	SharePrefix string `yaml:"share_prefix" help:"compute once what sequences of a micro-batch begin with alike: true, false or auto (where compute is bf16 or int8, without dropout); the same up to rounding, which then depends on per_device_train_batch_size"`
	Recompute   string `yaml:"recompute" alias:"gradient_checkpointing" help:"activations: auto, all (least memory) or none (fastest)"`
	MaxMemory   string `yaml:"max_memory" help:"memory the run may take, such as 8G; a run that needs more is refused. auto: what the machine has left; --allow memory: go on all the same"`
	ActivationM int    `yaml:"activation_memory_mb" help:"memory for activations with recompute: auto, in MiB"`

	OutputDir    string  `yaml:"output_dir" group:"output" help:"directory of the run"`
	EvalSteps    int     `yaml:"eval_steps" help:"evaluate every so many steps; 0: before and after only"`
	Patience     int     `yaml:"early_stopping_patience" help:"end the run after so many evaluations without a better loss; 0: never"`
	Threshold    float64 `yaml:"early_stopping_threshold" help:"how much lower a held-out loss must be to count as better for early stopping"`
	LoadBest     bool    `yaml:"load_best_model_at_end" help:"the result is the checkpoint with the lowest held-out loss, not the last one"`
	BestBy       string  `yaml:"metric_for_best_model" help:"what load_best_model_at_end goes by: eval_loss, the only one there is"`
	SaveSteps    int     `yaml:"save_steps" help:"checkpoint every so many steps; 0: at the end only"`
	SaveLimit    int     `yaml:"save_total_limit" help:"checkpoints to keep, the best one always among them; 0: all"`
	LoggingSteps int     `yaml:"logging_steps" help:"print every so many steps where the terminal cannot update a line"`
	Resume       string  `yaml:"resume" alias:"resume_from_checkpoint" help:"auto, none or a checkpoint directory"`

	SamplePrompts []string `yaml:"sample_prompts" whole:"true" help:"instructions to answer during the run; @FILE: a file with one on each line"`
	SampleSteps   int      `yaml:"sample_steps" help:"answer them every so many steps; 0: before and after only"`
	SampleTokens  int      `yaml:"sample_max_new_tokens" help:"longest of these answers in tokens"`
}

// Defaults is a run with everything but its model, data and output filled in.
func Defaults() Config {
	return Config{
		Spread: 0.02, Type: adapter.TypeLoRA, Recipe: "alpaca", DatasetFormat: "auto", OverLong: "auto", OnBadRow: "stop", Specials: "recipe", TrainOn: "recipe", Shuffle: true,
		Methods:   adapter.Defaults(),
		BatchSize: 4, Accumulation: 1, Epochs: 3, LearningRate: 3e-4, Schedule: "cosine", WarmupRatio: 0.03,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, MaxGradNorm: 1, Seed: 42,
		Compute: "auto", Quantized: "none", SharePrefix: "auto", Recompute: "auto", ActivationM: 1024, MaxMemory: "auto",
		SaveSteps: 200, SaveLimit: 3, LoggingSteps: 10, Resume: "auto", BestBy: "eval_loss", SampleTokens: 64,
	}
}

// Validate says everything that is wrong with the values, in one error.
func (c Config) Validate() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(key, value string, allowed ...string) {
		bad(!slices.Contains(allowed, value), "%s is %q, want %s", key, value, strings.Join(allowed, ", "))
	}
	bad(c.ModelName == "" && c.Shape == "", "model_name_or_path is missing: the directory of the base model")
	bad(c.ModelName != "" && c.Shape != "", "model_name_or_path and config_name are both set: the first goes on from weights, the second draws new ones")
	bad(c.Shape != "" && c.Type != adapter.TypeFull, "config_name draws new weights, all of which must be learned: finetuning_type is %q, want %s", c.Type, adapter.TypeFull)
	bad(c.Shape != "" && c.Tokenizer == "" && c.DatasetFormat != "tokenized", "tokenizer_name is missing: with config_name, the directory of a tokenizer")
	bad(c.Shape == "" && c.Tokenizer != "", "tokenizer_name belongs to config_name; a base model brings its own tokenizer")
	bad(!(c.Spread > 0), "initializer_range is %v, want more than 0", c.Spread)
	bad(len(c.Dataset) == 0, "dataset is missing: the file to learn from")
	bad(c.OutputDir == "", "output_dir is missing: where the run is kept")
	method, err := c.Methods.Find(c.Type)
	bad(err != nil, "%w", err)
	oneOf("dataset_format", c.DatasetFormat, source.Formats()...)
	oneOf("over_long", c.OverLong, "auto", "truncate", "drop", "truncate_prompt", "split", "error")
	oneOf("on_bad_row", c.OnBadRow, "stop", "skip")
	oneOf("parse_specials", c.Specials, "recipe", "yes", "no")
	oneOf("train_on", c.TrainOn, "recipe", "assistant", "last_turn", "completion", "all")
	oneOf("lr_scheduler_type", c.Schedule, "linear", "cosine", "constant")
	oneOf("compute", c.Compute, compute.Modes()...)
	oneOf("quantization", c.Quantized, compute.Quantizations()...)
	bad(c.Type == adapter.TypeFull && compute.ResolveQuantization(c.Compute, c.Quantized) != compute.NotQuantized, "quantization is %s with compute %s: what is tuned cannot be quantised", c.Quantized, c.Compute)
	oneOf("share_prefix", c.SharePrefix, "auto", "true", "false")
	if p := adapter.Dropout(method); c.SharePrefix == "true" && c.Adapter == "" && p > 0 {
		bad(true, "%w", errSharedDropout(p))
	}
	oneOf("recompute", c.Recompute, "auto", "all", "none")
	if c.MaxMemory != "auto" {
		_, err := Bytes(c.MaxMemory)
		bad(err != nil, "max_memory: %v", err)
	}
	bad(c.Cutoff < 0, "max_seq_length is %d, want 0 or more", c.Cutoff)
	bad(!(c.ValSize >= 0), "val_size is %v, want 0 or more", c.ValSize)
	bad(c.BatchSize < 1, "per_device_train_batch_size is %d, want 1 or more", c.BatchSize)
	bad(c.Accumulation < 1, "gradient_accumulation_steps is %d, want 1 or more", c.Accumulation)
	bad(c.MaxSteps <= 0 && !(c.Epochs > 0), "num_train_epochs is %v, want more than 0", c.Epochs)
	bad(!(c.LearningRate >= 0 && c.LearningRate < 10), "learning_rate is %v, want 0 … 10", c.LearningRate)
	bad(c.WarmupSteps < 0, "warmup_steps is %d, want 0 or more", c.WarmupSteps)
	bad(!(c.WarmupRatio >= 0 && c.WarmupRatio <= 1), "warmup_ratio is %v, want 0 … 1", c.WarmupRatio)
	bad(!(c.WeightDecay >= 0), "weight_decay is %v, want 0 or more", c.WeightDecay)
	bad(!(c.Beta1 >= 0 && c.Beta1 < 1), "adam_beta1 is %v, want 0 ≤ β < 1", c.Beta1)
	bad(!(c.Beta2 >= 0 && c.Beta2 < 1), "adam_beta2 is %v, want 0 ≤ β < 1", c.Beta2)
	bad(!(c.Epsilon > 0), "adam_epsilon is %v, want more than 0", c.Epsilon)
	bad(!(c.MaxGradNorm >= 0), "max_grad_norm is %v, want 0 or more", c.MaxGradNorm)
	bad(c.EvalSteps < 0 || c.SaveSteps < 0 || c.SaveLimit < 0 || c.LoggingSteps < 0, "eval_steps, save_steps, save_total_limit and logging_steps must be 0 or more")
	c.validateWatching(bad)
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("config: %w", errors.Join(errs...))
}

// KeptActivations is the memory in bytes that activations may take between the forward and the backward pass.
func (c Config) KeptActivations() int64 {
	switch c.Recompute {
	case "all":
		return 0
	case "none":
		return 1 << 62
	}
	return int64(c.ActivationM) << 20
}

// Method returns what the run trains: the method of finetuning_type with the run's settings, or, where it goes on from
// an adapter, with that adapter's own.
func (c Config) Method() (adapter.Method, error) {
	m, err := c.Methods.Find(c.Type)
	if err != nil || c.Adapter == "" || c.Type == adapter.TypeFull {
		return m, err
	}
	return adapter.Continued(c.Adapter, m)
}
