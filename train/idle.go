package train

import (
	"reflect"
	"slices"
	"strings"

	"fettle/adapter"
)

// Idle is a setting that cannot act beside the others.
type Idle struct {
	Key    string
	Beside string // the key of the setting that keeps it from acting
	Why    string
	Usual  bool // other programs accept it in silence too: worth a warning, not an error
}

// condition states when a setting acts.
type condition struct {
	keys   string // separated by spaces
	acts   func(Config) bool
	beside string
	why    string
	usual  bool
}

// conditions lists the settings that act under a condition. A method's settings act with their method; always lists all
// others.
func conditions() []condition {
	text := func(c Config) bool { return c.DatasetFormat != "text" }
	ids := func(c Config) bool { return c.DatasetFormat != "tokenized" }
	return []condition{
		{keys: "tokenizer_name initializer_range", beside: "config_name",
			acts: func(c Config) bool { return c.Shape != "" },
			why:  "it belongs to config_name: a base model has its own tokenizer and weights"},
		{keys: "adapter_name_or_path", beside: "finetuning_type", why: "full tuning trains the model's own weights",
			acts: func(c Config) bool { return c.Type != adapter.TypeFull }},
		{keys: "allow_other_base", beside: "adapter_name_or_path", why: "no adapter is continued",
			acts: func(c Config) bool { return c.Adapter != "" && c.Type != adapter.TypeFull }},
		{keys: "save_dtype", beside: "finetuning_type", why: "adapters are saved as they are trained, in float32",
			acts: func(c Config) bool { return c.Type == adapter.TypeFull }},
		{keys: "dataset_format", beside: "dataset", why: "an entry of dataset_info.json states its own format",
			acts: func(c Config) bool {
				return len(c.Dataset) == 0 || slices.ContainsFunc(c.Dataset, func(name string) bool {
					return !strings.Contains(name, "dataset_info.json:")
				})
			}},
		{keys: "columns parse_specials fix", beside: "dataset_format", acts: ids,
			why: "the data is tokenized already: it has no fields and no text"},
		{keys: "train_on", beside: "dataset_format", acts: func(c Config) bool { return text(c) && ids(c) },
			why: "every token of plain text is learned, and tokenized data states its labels"},
		{keys: "clean", beside: "dataset_format", acts: func(c Config) bool { return text(c) && ids(c) },
			why: "it cleans conversations"},
		{keys: "val_size", beside: "eval_dataset", why: "eval_dataset names the files for evaluation",
			acts: func(c Config) bool { return len(c.EvalDataset) == 0 }},
		{keys: "eval_steps", beside: "val_size", why: "nothing is held out for evaluation: set val_size or eval_dataset",
			acts: func(c Config) bool { return c.ValSize > 0 || len(c.EvalDataset) > 0 }},
		{keys: "evals_per_epoch", beside: "val_size",
			why:  "nothing is held out for evaluation: set val_size or eval_dataset",
			acts: func(c Config) bool { return c.ValSize > 0 || len(c.EvalDataset) > 0 }},
		{keys: "eval_steps", beside: "evals_per_epoch", why: "evals_per_epoch says when to evaluate",
			acts: func(c Config) bool { return c.EvalsEpoch == 0 }},
		{keys: "save_steps", beside: "saves_per_epoch", why: "saves_per_epoch says when to save",
			acts: func(c Config) bool { return c.SavesEpoch == 0 }},
		{keys: "early_stopping_threshold", beside: "early_stopping_patience",
			why:  "the run never stops early: set early_stopping_patience",
			acts: func(c Config) bool { return c.Patience > 0 }},
		{keys: "num_train_epochs", beside: "max_steps", why: "max_steps sets the length of the run", usual: true,
			acts: func(c Config) bool { return c.MaxSteps <= 0 }},
		{keys: "warmup_ratio", beside: "warmup_steps", why: "warmup_steps sets the warm-up; 0 leaves it to warmup_ratio",
			acts: func(c Config) bool { return c.WarmupSteps == 0 }},
		{keys: "warmup_steps warmup_ratio", beside: "lr_scheduler_type", usual: true,
			why:  "constant has no warm-up; constant_with_warmup has",
			acts: func(c Config) bool { return c.Schedule != "constant" }},
		{keys: "activation_memory_mb", beside: "recompute",
			why:  "recompute states what is kept, auto leaves it to this limit",
			acts: func(c Config) bool { return c.Recompute == "auto" }},
		{keys: "sample_steps sample_max_new_tokens", beside: "sample_prompts", why: "there are no sample_prompts",
			acts: func(c Config) bool { return len(c.SamplePrompts) > 0 }},
	}
}

// always lists the settings that act in every run, or whose own values are refused where they cannot.
const always = "model_name_or_path config_name recipe dataset dataset_weights max_samples on_bad_row on_nan allow " +
	"data_cache max_seq_length over_long eval_dataset shuffle dataloader_drop_last finetuning_type " +
	"per_device_train_batch_size gradient_accumulation_steps max_steps learning_rate lr_scheduler_type " +
	"lr_scheduler_kwargs weight_decay adam_beta1 adam_beta2 adam_epsilon max_grad_norm seed compute " +
	"quantization share_prefix recompute max_memory output_dir early_stopping_patience " +
	"load_best_model_at_end metric_for_best_model saves_per_epoch save_total_limit logging_steps resume " +
	"sample_prompts"

// Idle lists the settings that cannot act, whatever their values.
func (c Config) Idle() []Idle {
	var all []Idle
	for _, on := range conditions() {
		if on.acts(c) {
			continue
		}
		for key := range strings.FieldsSeq(on.keys) {
			all = append(all, Idle{key, on.beside, on.why, on.usual})
		}
	}
	for _, m := range c.Methods.All() {
		if m.Name() == c.Type {
			continue
		}
		for _, key := range methodKeys(m) {
			all = append(all, Idle{Key: key, Beside: "finetuning_type",
				Why: "finetuning_type is " + c.Type + "; it belongs to " + m.Name()})
		}
	}
	return all
}

// methodKeys lists the keys of a method's settings.
func methodKeys(m adapter.Method) []string { return keysOf(reflect.TypeOf(m)) }

// keysOf lists the keys of a struct's settings, those of inlined structs too.
func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		switch key := t.Field(i).Tag.Get("yaml"); key {
		case ",inline":
			keys = append(keys, keysOf(t.Field(i).Type)...)
		case "", "-":
		default:
			keys = append(keys, key)
		}
	}
	return keys
}
