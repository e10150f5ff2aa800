package train

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/data/source"
	"fettle/internal/compute"
)

// problems collects the errors in settings.
type problems []error

// add adds an error if the condition holds.
func (p *problems) add(wrong bool, format string, args ...any) {
	if wrong {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	p.add(!slices.Contains(allowed, value), "%s is %q, want %s", key, value, strings.Join(allowed, ", "))
}

func (p *problems) atLeast(key string, value, least int) {
	p.add(value < least, "%s is %d, want %d or more", key, value, least)
}

func (p *problems) notNegative(key string, value float64) {
	p.add(!(value >= 0), "%s is %v, want 0 or more", key, value) // nor NaN
}

// Validate returns one error that lists every fault of the settings.
func (c Config) Validate() error {
	var p problems
	c.checkModel(&p)
	c.checkData(&p)
	c.checkOptimization(&p)
	c.checkCompute(&p)
	c.checkOutput(&p)
	if p == nil {
		return nil
	}
	return errors.Join(p...)
}

func (c Config) checkModel(p *problems) {
	p.add(c.ModelName == "" && c.Shape == "", "model_name_or_path is missing: the directory or file of the base model")
	p.add(c.ModelName != "" && c.Shape != "", "model_name_or_path and config_name are both set: the first continues from "+
		"weights, the second draws new ones")
	p.add(c.Shape != "" && c.Type != adapter.TypeFull, "config_name draws new weights, all of which must be learned: "+
		"finetuning_type is %q, want %s", c.Type, adapter.TypeFull)
	p.add(c.Shape != "" && c.Tokenizer == "" && c.DatasetFormat != "tokenized",
		"tokenizer_name is missing: with config_name, the directory of a tokenizer")
	p.add(c.Shape == "" && c.Tokenizer != "", "tokenizer_name belongs to config_name; a base model has its own tokenizer")
	p.add(!(c.Spread > 0), "initializer_range is %v, want more than 0", c.Spread)
	_, err := c.Methods.Find(c.Type)
	p.add(err != nil, "%w", err)
}

func (c Config) checkData(p *problems) {
	p.add(len(c.Dataset) == 0, "dataset is missing: the file to learn from; the built-in fettle-questions is one "+
		"to try with")
	p.oneOf("dataset_format", c.DatasetFormat, source.Formats()...)
	p.oneOf("over_long", c.OverLong, "auto", "truncate", "drop", "truncate_prompt", "proportional", "split",
		"error")
	p.oneOf("on_bad_row", c.OnBadRow, "stop", "skip")
	p.oneOf("on_nan", c.OnNaN, onNaNStop, onNaNSkip, onNaNRollback)
	p.oneOf("parse_specials", c.Specials, "recipe", "yes", "no")
	p.oneOf("train_on", c.TrainOn, "recipe", "assistant", "last_turn", "completion", "all")
	p.atLeast("max_seq_length", c.Cutoff, 0)
	p.notNegative("val_size", c.ValSize)
	p.add(c.ValSize > 1 && c.ValSize != math.Trunc(c.ValSize),
		"val_size is %v, want a whole number of examples, or a fraction of them below 1", c.ValSize)
	p.atLeast("max_samples", c.MaxSamples, 0)
}

func (c Config) checkOptimization(p *problems) {
	p.atLeast("per_device_train_batch_size", c.BatchSize, 1)
	p.atLeast("gradient_accumulation_steps", c.Accumulation, 1)
	p.add(c.MaxSteps < -1, "max_steps is %d, want 0 or -1 (by num_train_epochs) or more", c.MaxSteps)
	p.add(c.MaxSteps <= 0 && !(c.Epochs > 0), "num_train_epochs is %v, want more than 0", c.Epochs)
	p.add(!(c.LearningRate >= 0 && c.LearningRate <= 10), "learning_rate is %v, want 0 … 10", c.LearningRate)
	_, err := newSchedule(c, 1)
	p.add(err != nil, "%w", err)
	p.add(!(c.WarmupSteps >= 0 && c.WarmupSteps < 1<<31) ||
		c.WarmupSteps > 1 && c.WarmupSteps != math.Trunc(c.WarmupSteps),
		"warmup_steps is %v, want a whole number of steps, or a fraction of all steps below 1", c.WarmupSteps)
	p.add(!(c.WarmupRatio >= 0 && c.WarmupRatio <= 1), "warmup_ratio is %v, want 0 … 1", c.WarmupRatio)
	p.notNegative("weight_decay", c.WeightDecay)
	p.add(!(c.Beta1 >= 0 && c.Beta1 < 1), "adam_beta1 is %v, want 0 ≤ β < 1", c.Beta1)
	p.add(!(c.Beta2 >= 0 && c.Beta2 < 1), "adam_beta2 is %v, want 0 ≤ β < 1", c.Beta2)
	p.add(!(c.Epsilon > 0), "adam_epsilon is %v, want more than 0", c.Epsilon)
	p.notNegative("max_grad_norm", c.MaxGradNorm)
}

func (c Config) checkCompute(p *problems) {
	p.oneOf("compute", c.Compute, compute.Modes()...)
	p.oneOf("quantization", c.Quantized, compute.Quantizations()...)
	quantized := compute.ResolveQuantization(c.Compute, c.Quantized, compute.F32) != compute.NotQuantized
	p.add(c.Type == adapter.TypeFull && quantized,
		"quantization is %s with compute %s: tuned weights cannot be quantized: leave them out", c.Quantized, c.Compute)
	p.oneOf("share_prefix", c.SharePrefix, "auto", "true", "false")
	if m, err := c.Methods.Find(c.Type); err == nil && c.SharePrefix == "true" && c.Adapter == "" {
		dropout := adapter.Dropout(m)
		p.add(dropout > 0, "%w", errSharedDropout(dropout))
	}
	p.atLeast("activation_memory_mb", c.ActivationM, 0)
	p.oneOf("recompute", c.Recompute, "auto", "all", "none")
	if c.MaxMemory != "auto" && c.MaxMemory != "none" {
		_, err := Bytes(c.MaxMemory)
		p.add(err != nil, "max_memory: %v", err)
	}
}

func (c Config) checkOutput(p *problems) {
	p.add(c.OutputDir == "", "output_dir is missing: the directory of the run")
	if file := aboveFile(c.OutputDir); file != "" {
		p.add(true, "output_dir %s: %s is a file, want a directory, which the run makes", c.OutputDir, file)
	}
	p.atLeast("eval_steps", c.EvalSteps, 0)
	p.atLeast("save_steps", c.SaveSteps, 0)
	p.atLeast("save_total_limit", c.SaveLimit, 0)
	p.oneOf("save_dtype", c.SaveDType, "float32", "bfloat16", "float16", "base")
	p.atLeast("logging_steps", c.LoggingSteps, 0)
	p.add(c.Patience < 0, "early_stopping_patience is %d, want 0 (never) or more", c.Patience)
	p.notNegative("early_stopping_threshold", c.Threshold)
	p.add(c.BestBy != "eval_loss" && c.BestBy != "loss", "metric_for_best_model is %q, want eval_loss", c.BestBy)
	held := c.ValSize > 0 || len(c.EvalDataset) > 0
	for _, s := range []struct {
		on  bool
		key string
	}{{c.Patience > 0, "early_stopping_patience"}, {c.LoadBest, "load_best_model_at_end"}} {
		p.add(s.on && !held, "%s needs the loss of held-out examples, and there are none: set val_size (such as 0.05) or "+
			"eval_dataset", s.key)
		p.add(s.on && c.EvalSteps == 0 && c.EvalsEpoch == 0,
			"%s needs evaluations during the run: set eval_steps, such as to %d", s.key, max(c.SaveSteps, 50))
	}
	p.atLeast("evals_per_epoch", c.EvalsEpoch, 0)
	p.atLeast("saves_per_epoch", c.SavesEpoch, 0)
	p.add(c.LoadBest && c.EvalSteps > 0 && c.EvalsEpoch == 0 && c.SavesEpoch == 0 &&
		(c.SaveSteps == 0 || c.SaveSteps%c.EvalSteps != 0),
		"load_best_model_at_end needs an evaluation of every checkpoint: save_steps is %d, want a multiple of eval_steps "+
			"%d, such as %d", c.SaveSteps, c.EvalSteps, max(1, (c.SaveSteps+c.EvalSteps/2)/max(1, c.EvalSteps))*c.EvalSteps)
	p.atLeast("sample_steps", c.SampleSteps, 0)
	p.atLeast("sample_max_new_tokens", c.SampleTokens, 1)
}

// aboveFile returns the file that stands where a directory must be, at path or above it; "" if there is none.
func aboveFile(path string) string {
	for ; path != ""; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil {
			if info.IsDir() {
				return ""
			}
			return path
		}
		if path == filepath.Dir(path) {
			return ""
		}
	}
	return ""
}
