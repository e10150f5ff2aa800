package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"fettle/internal/checkpoint/safetensors"
	"fettle/train/checkpoint"
)

// A checkpoint's files beside the adapter's own.
const (
	stateFile     = "state.json"
	optimizerFile = "optimizer.safetensors"
)

// state is what a checkpoint knows beside the parameters and the moments.
type state struct {
	Step       int     `json:"step"`
	Elapsed    float64 `json:"elapsed_seconds"`
	EvalBefore float64 `json:"eval_loss_before"`
	EvalLast   float64 `json:"eval_loss_last"`
	Evaluated  int     `json:"evaluated"` // the last step with an evaluation, -1: none
	Sampled    int     `json:"sampled"`   // the last step with samples, -1: none
	Watch      watch   `json:"watch"`

	Config Config `json:"config"`
	Inputs Inputs `json:"inputs"`
}

// Inputs identify what a run was made from. A run continues only with the
// same.
type Inputs struct {
	Base       string `json:"base_fingerprint"`
	Tokenizer  string `json:"tokenizer_sha256"`
	Training   string `json:"training_sha256"`
	Evaluation string `json:"evaluation_sha256"`
}

// mayChange are the settings that do not change a run's numbers.
var mayChange = []string{
	"output_dir", "allow", "data_cache", "resume", "logging_steps", "save_steps", "save_total_limit", "recompute", "activation_memory_mb", "max_memory",
	"per_device_train_batch_size", "gradient_accumulation_steps", "model_name_or_path", "adapter_name_or_path", "dataset", "eval_dataset",
	"early_stopping_patience", "early_stopping_threshold", "load_best_model_at_end", "metric_for_best_model",
	"sample_prompts", "sample_steps", "sample_max_new_tokens",
}

// continues says why a run may not go on from a checkpoint.
func (s state) continues(c Config, in Inputs) error {
	differ := differences(reflect.ValueOf(s.Config), reflect.ValueOf(c))
	if a, b := s.Config.BatchSize*s.Config.Accumulation, c.BatchSize*c.Accumulation; a != b {
		differ = append(differ, fmt.Sprintf("sequences of a step were %d, are %d", a, b))
	}
	if s.Config.SharePrefix == "true" && s.Config.BatchSize != c.BatchSize {
		differ = append(differ, fmt.Sprintf("per_device_train_batch_size was %d, is %d, and with share_prefix the numbers depend on it", s.Config.BatchSize, c.BatchSize))
	}
	for _, i := range []struct{ what, old, now string }{
		{"base model", s.Inputs.Base, in.Base}, {"tokenizer", s.Inputs.Tokenizer, in.Tokenizer},
		{"training data", s.Inputs.Training, in.Training}, {"evaluation data", s.Inputs.Evaluation, in.Evaluation},
	} {
		if i.old != i.now {
			differ = append(differ, fmt.Sprintf("the %s has changed", i.what))
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("%w: %s; take another output_dir, or --resume none with an empty one", ErrRefused, strings.Join(differ, "; "))
}

// resume brings the run to where the newest sound checkpoint left it.
func (r *run) resume() error {
	dir := r.config.OutputDir
	from := ""
	switch r.config.Resume {
	case "auto":
		from = checkpoint.Newest(dir, func(name string, err error) {
			r.show.Break()
			r.job.Log.Warn().Msgf("passing over %s: %v", name, err)
		})
		if from == "" && len(checkpoint.List(dir)) > 0 {
			return fmt.Errorf("%w: none of the checkpoints in %s is sound", ErrRefused, dir)
		}
	case "none":
		if len(checkpoint.List(dir)) > 0 {
			return fmt.Errorf("%w: %s already holds a run; continue it with --resume auto, or take another output_dir", ErrRefused, dir)
		}
	default:
		from = r.config.Resume
		if err := checkpoint.Verify(from); err != nil {
			return fmt.Errorf("resume from %s: %w", from, err)
		}
	}
	if from == "" {
		return nil
	}
	c := r.config
	if r.auto {
		c.SharePrefix = "auto"
	}
	s, err := readState(from, c, r.job.Inputs, r.steps.total)
	if err != nil {
		return fmt.Errorf("resume from %s: %w", from, err)
	}
	r.state, r.config.SharePrefix = s, s.Config.SharePrefix
	if err := r.job.Adapter.Restore(from); err != nil {
		return err
	}
	f, err := safetensors.Open(filepath.Join(from, optimizerFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.optimizer.restore(f, r.state.Step); err != nil {
		return fmt.Errorf("resume from %s: %s: %w", from, optimizerFile, err)
	}
	w := &r.state.Watch
	if _, err := os.Stat(filepath.Join(dir, w.best())); err != nil { // the run began in another directory
		w.BestStep, w.BestLoss = 0, 0
	}
	if err := r.state.Watch.point(r.disk, dir); err != nil { // a stop may have come before it
		return err
	}
	r.info("continuing from %s", from)
	return nil
}

// readState reads a checkpoint's state, which must be of this very run.
func readState(dir string, c Config, in Inputs, total int) (state, error) {
	var s state
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	s.Config.SharePrefix = "false" // as was before there was a choice
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", stateFile, err)
	}
	if c.SharePrefix == "auto" {
		c.SharePrefix = s.Config.SharePrefix
	}
	if err := s.continues(c, in); err != nil {
		return s, err
	}
	if s.Step < 1 || s.Step > total {
		return s, fmt.Errorf("%w: it is of step %d, the run has %d", ErrRefused, s.Step, total)
	}
	if best := s.Watch.BestStep; best < 0 || best > s.Step {
		return s, fmt.Errorf("%w: it is of step %d and names step %d as the best", ErrRefused, s.Step, best)
	}
	return s, nil
}

// differences lists the settings that differ and may not, those of inlined structs too.
func differences(old, now reflect.Value) (differ []string) {
	for i := range old.NumField() {
		key, old, now := old.Type().Field(i).Tag.Get("yaml"), old.Field(i), now.Field(i)
		switch {
		case key == ",inline":
			differ = append(differ, differences(old, now)...)
		case key != "-" && !slices.Contains(mayChange, key) && !reflect.DeepEqual(old.Interface(), now.Interface()):
			differ = append(differ, fmt.Sprintf("%s was %v, is %v", key, old, now))
		}
	}
	return differ
}
