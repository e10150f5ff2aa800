package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fettle/adapter"
	"fettle/internal/readfile"
	"fettle/train/checkpoint"
	"fettle/train/journal"
	"fettle/train/report"
)

// ErrLonger reports a run that cannot be continued to more steps, as its learning rates depend on their number.
var ErrLonger = fmt.Errorf("%w: the rates depend on the number of steps", ErrRefused)

// Standing is the state of the run in an output directory.
type Standing struct {
	Step, Steps           int // 0 of 0: there is none
	Epochs                float64
	EvalBefore, EvalAfter float64 // of a finished run with evaluation data
	Saved                 time.Time
	Finished              bool // its result is there
}

// Stands returns the state of the run that a config would continue, or the reason why it may not. It does not look at
// the base model, nor at the data if in is nil, and does not verify the checkpoint: Run does.
func (c Config) Stands(in *Inputs) (Standing, error) {
	from, err := c.newest()
	if from == "" || err != nil {
		return Standing{}, err
	}
	s, err := peek(from)
	if err != nil || s.Examples == 0 { // Run reports what is wrong; states of before do not count their examples
		return Standing{}, nil
	}
	if in != nil {
		in.Base, in.Content = s.Inputs.Base, s.Inputs.Content
	}
	c.ResolvePerEpoch(s.Examples)
	p := newSteps(c, s.Examples)
	if err := s.allow(from, c, in, p); err != nil {
		return Standing{}, fmt.Errorf("train: resume from %s: %w", from, err)
	}
	at := Standing{Step: s.Step, Steps: p.total, Epochs: p.epochs(s.Step)}
	if info, err := os.Stat(filepath.Join(from, stateFile)); err == nil {
		at.Saved = info.ModTime()
	}
	if s.ended(c, p) && s.resultIsThat(c, from) {
		at.Finished, at.EvalBefore, at.EvalAfter = true, s.EvalBefore, s.EvalLast
		if c.LoadBest && s.Watch.BestStep > 0 {
			at.EvalAfter = s.Watch.BestLoss
		}
	}
	return at, nil
}

// newest returns the path of the checkpoint that a run would continue from if it is sound, "" for a new run.
func (c Config) newest() (string, error) {
	names := checkpoint.List(c.OutputDir)
	switch {
	case c.Resume != "auto" && c.Resume != "none":
		return c.Resume, nil
	case len(names) == 0:
		if err := pruned(c.OutputDir); err != nil {
			return "", fmt.Errorf("train: %w", err)
		}
		return "", nil
	case c.Resume == "none":
		return "", fmt.Errorf("train: %w", errBegun(c.OutputDir))
	}
	return filepath.Join(c.OutputDir, names[len(names)-1]), nil
}

// errBegun refuses to begin a run in the directory of another.
func errBegun(dir string) error {
	return fmt.Errorf("%w: %s already holds a run: --resume auto continues it; to begin anew take another output_dir, or "+
		"delete this one", ErrRefused, dir)
}

// pruned refuses to begin a run in the directory of one whose checkpoints were removed to keep its result alone.
func pruned(dir string) error {
	all, _ := journal.Read(dir)
	if _, err := os.Stat(filepath.Join(dir, adapter.RecordFile)); err != nil || len(all) == 0 ||
		all[len(all)-1].Event != journal.Pruned {
		return nil
	}
	return fmt.Errorf("%w: %s holds the result of a run whose checkpoints were removed, so that it cannot continue: take "+
		"another output_dir, or remove this one with fettle runs rm", ErrRefused, dir)
}

// ended reports whether all steps are done or early stopping ended the run.
func (s state) ended(c Config, p *steps) bool {
	return s.Step == p.total || c.Patience > 0 && s.Watch.Stale >= c.Patience
}

// resultIsThat reports whether the result of a finished run, whose last checkpoint is from, is there, all of it, and is
// the one that the config asks for. An export over an earlier result may have been interrupted.
func (s state) resultIsThat(c Config, from string) bool {
	if s.Config.LoadBest != c.LoadBest || s.Config.SaveDType != c.SaveDType {
		return false
	}
	var result struct {
		Step int `json:"global_step"`
	}
	text, _ := readfile.Whole(filepath.Join(c.OutputDir, report.TrainerStateFile), readfile.Text)
	files, err := os.ReadDir(from)
	if err != nil || json.Unmarshal(text, &result) != nil || result.Step != s.Step {
		return false
	}
	own := []string{stateFile, optimizerFile, checkpoint.ManifestFile}
	return !slices.ContainsFunc(files, func(f os.DirEntry) bool {
		_, err := os.Stat(filepath.Join(c.OutputDir, f.Name()))
		return err != nil && !slices.Contains(own, f.Name())
	})
}

// allow returns an error that says why a run may not continue from the state of a checkpoint in dir. It expresses
// the state's settings as they are meant now.
func (s *state) allow(dir string, c Config, in *Inputs, p *steps) error {
	if c.SharePrefix == "auto" {
		c.SharePrefix = s.Config.SharePrefix
	}
	if err := s.update(dir, c, p.n); err != nil {
		return err
	}
	if err := s.continues(c, in); err != nil {
		return err
	}
	if s.Step < 1 || s.Step > p.total {
		return fmt.Errorf("%w: it is of step %d, the run has %d: raise max_steps or num_train_epochs, or take another "+
			"output_dir", ErrRefused, s.Step, p.total)
	}
	if err := s.lengthen(c, p); err != nil {
		return err
	}
	if best := s.Watch.BestStep; best < 0 || best > s.Step {
		return fmt.Errorf("%w: it is of step %d and names step %d as the best", ErrRefused, s.Step, best)
	}
	return nil
}

// lengthen lets a run have another number of steps if the steps that are done had the same learning rates in it.
func (s *state) lengthen(c Config, p *steps) error {
	was := newSteps(s.Config, p.n).total
	if was == p.total {
		return nil
	}
	old, err := newSchedule(s.Config, was)
	now, wrong := newSchedule(c, p.total)
	if err := errors.Join(err, wrong); err != nil {
		return err
	}
	for k := range s.Step {
		if a, b := old.rate(k), now.rate(k); a != b {
			return fmt.Errorf("%w (lr_scheduler_type %s): the run was begun with %d, is at %d and would now have %d, with a "+
				"rate of %.3g in step %d, which was %.3g", ErrLonger, c.Schedule, was, s.Step,
				p.total, b, k+1, a)
		}
	}
	s.Config.Epochs, s.Config.MaxSteps = c.Epochs, c.MaxSteps
	if s.Unended != nil && s.Step != p.total { // the evaluation was due at the end alone
		s.Watch, s.Unended, s.Evaluated = *s.Unended, nil, s.Step-1
	}
	return nil
}
