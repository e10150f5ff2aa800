package train

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/internal/readfile"
	"fettle/train/report"
)

// A checkpoint's files beside the adapter's own.
const (
	stateFile     = "state.json"
	optimizerFile = "optimizer.safetensors"
)

// state is the part of a run's state beside parameters and moments, kept as state.json.
type state struct {
	Step       int     `json:"step"`
	Loss       float64 `json:"loss"`                 // of the last step
	Skipped    int     `json:"skipped,omitempty"`    // steps that on_nan left out
	NotFinite  int     `json:"not_finite,omitempty"` // steps that were not finite
	Elapsed    float64 `json:"elapsed_seconds"`
	EvalBefore float64 `json:"eval_loss_before"`
	EvalLast   float64 `json:"eval_loss_last"`
	Evaluated  int     `json:"evaluated"` // the last step with an evaluation, -1: none
	Sampled    int     `json:"sampled"`   // the last step with samples, -1: none
	Watch      watch   `json:"watch"`
	Unended    *watch  `json:"watch_before_end,omitempty"` // Watch without the evaluation that was due at the end alone
	Examples   int     `json:"examples,omitempty"`

	Definitions int               `json:"definitions"`           // of settings, see definitions
	Computed    []adapter.Stretch `json:"computed_by,omitempty"` // states of before have none
	Config      Config            `json:"config"`
	Inputs      Inputs            `json:"inputs"`
}

// Inputs identify the base, tokenizer and data of a run, which continues only with the same ones.
type Inputs struct {
	Base       string `json:"base_fingerprint"`
	Content    string `json:"base_sha256,omitempty"` // of all weights; checkpoints of before have none
	Tokenizer  string `json:"tokenizer_sha256"`
	Training   string `json:"training_sha256"`
	Evaluation string `json:"evaluation_sha256"`
}

// mayChange lists the settings that a continued run may change: they do not change its results.
func mayChange() []string {
	return []string{
		"output_dir", "allow", "on_nan", "data_cache", "resume", "logging_steps", "save_steps", "save_total_limit",
		"save_dtype", "recompute",
		"activation_memory_mb", "max_memory", "per_device_train_batch_size", "gradient_accumulation_steps",
		"model_name_or_path", "adapter_name_or_path", "allow_other_base", "dataset", "eval_dataset",
		"early_stopping_patience", "early_stopping_threshold", "load_best_model_at_end", "metric_for_best_model",
		"sample_prompts", "sample_steps", "sample_max_new_tokens", "num_train_epochs", "max_steps", // see lengthen
	}
}

// continues returns an error that says why a run may not continue from a checkpoint; in is nil if it is not known yet.
func (s state) continues(c Config, in *Inputs) error {
	free := mayChange()
	for _, i := range s.Config.Idle() { // what acts in neither run may differ
		if slices.ContainsFunc(c.Idle(), func(now Idle) bool { return now.Key == i.Key }) {
			free = append(free, i.Key)
		}
	}
	var differ []string
	for _, d := range differing(reflect.ValueOf(s.Config), reflect.ValueOf(c), free) {
		differ = append(differ, fmt.Sprintf("%s was %v, is %v", d.key, d.old, d.now))
	}
	if a, b := s.Config.BatchSize*s.Config.Accumulation, c.BatchSize*c.Accumulation; a != b {
		differ = append(differ, fmt.Sprintf("sequences of a step were %d, are %d", a, b))
	}
	if s.Config.SharePrefix == "true" && s.Config.BatchSize != c.BatchSize {
		differ = append(differ, fmt.Sprintf("per_device_train_batch_size was %d, is %d, and with share_prefix the results "+
			"depend on it", s.Config.BatchSize, c.BatchSize))
	}
	if s.Config.DropLast && s.Config.BatchSize != c.BatchSize {
		differ = append(differ, fmt.Sprintf("per_device_train_batch_size was %d, is %d, and with dataloader_drop_last the "+
			"examples of an epoch depend on it", s.Config.BatchSize, c.BatchSize))
	}
	if in != nil {
		differ = append(differ, s.Inputs.changed(*in)...)
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("%w: %s; take another output_dir", ErrRefused,
		strings.Join(differ, "; "))
}

// changed lists the inputs that differ.
func (old Inputs) changed(now Inputs) (differ []string) {
	for _, i := range []struct{ name, old, now string }{
		{"base model", old.Base, now.Base},
		{"base model's weights", cmp.Or(old.Content, now.Content), now.Content},
		{"tokenizer", old.Tokenizer, now.Tokenizer},
		{"training data", old.Training, now.Training}, {"evaluation data", old.Evaluation, now.Evaluation},
	} {
		if i.old != i.now {
			differ = append(differ, fmt.Sprintf("the %s changed", i.name))
		}
	}
	return differ
}

// difference is a setting with two values.
type difference struct {
	key      string
	old, now reflect.Value
}

// differing lists the settings that differ and are not free to, those of inlined structs too.
func differing(old, now reflect.Value, free []string) (differ []difference) {
	for i := range old.NumField() {
		key, old, now := old.Type().Field(i).Tag.Get("yaml"), old.Field(i), now.Field(i)
		switch {
		case key == ",inline":
			differ = append(differ, differing(old, now, free)...)
		case key != "-" && !slices.Contains(free, key) && !equal(old, now):
			differ = append(differ, difference{key, old, now})
		}
	}
	return differ
}

// equal compares two values of a setting. An empty list is the same written as [] or left out.
func equal(old, now reflect.Value) bool {
	if old.Kind() == reflect.Slice && old.Len() == 0 {
		return now.Len() == 0
	}
	return reflect.DeepEqual(old.Interface(), now.Interface())
}

// readState reads the state of a checkpoint and checks that it belongs to this run.
func readState(dir string, c Config, in Inputs, p *steps) (state, error) {
	s, err := peek(dir)
	if err == nil {
		err = s.allow(dir, c, &in, p)
	}
	s.Examples = p.n
	return s, err
}

// peek reads the state of a checkpoint.
func peek(dir string) (s state, err error) {
	text, err := readfile.Whole(filepath.Join(dir, stateFile), readfile.Settings)
	if err != nil {
		return s, err
	}
	return parseState(text)
}

func parseState(text []byte) (s state, err error) {
	s.Config.SharePrefix = "false" // of checkpoints from before there was the setting
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", stateFile, err)
	}
	return s, nil
}

// CheckpointFiles lists the files of a checkpoint beside those of the adapter.
func CheckpointFiles() []string {
	return []string{stateFile, optimizerFile, report.TrainerStateFile, adapter.RecordFile}
}
