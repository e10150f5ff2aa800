package train

import (
	"os"
	"path/filepath"
	"time"
)

// Saved is what a checkpoint says of its run.
type Saved struct {
	Step, Steps           int // done, and of the whole run
	Epochs                float64
	Loss                  float64 // of the last step
	EvalBefore, EvalAfter float64 // 0 without evaluation data
	Lowest                float64 // held-out loss after the first step
	BestStep              int     // 0: no checkpoint was evaluated
	BestLoss              float64
	Skipped, NotFinite    int // steps that on_nan left out; steps that were not finite
	Elapsed               time.Duration
	At                    time.Time
	Evaluation            string // hash of the examples that were evaluated
	Inputs                Inputs
	Config                Config
	Ended                 bool // all steps are done, or early stopping ended the run
}

// ReadSaved reads the state of a checkpoint, without verifying it.
func ReadSaved(dir string) (Saved, error) {
	s, err := peek(dir)
	if err != nil {
		return Saved{}, err
	}
	c := s.Config
	saved := Saved{
		Step: s.Step, Loss: s.Loss, EvalBefore: s.EvalBefore, EvalAfter: s.EvalLast, Lowest: s.Watch.Lowest,
		BestStep: s.Watch.BestStep, BestLoss: s.Watch.BestLoss, Skipped: s.Skipped, NotFinite: s.NotFinite,
		Elapsed: seconds(s.Elapsed), Evaluation: s.Watch.Set, Inputs: s.Inputs, Config: c,
	}
	if info, err := os.Stat(filepath.Join(dir, stateFile)); err == nil {
		saved.At = info.ModTime()
	}
	// States of before do not count their examples; damaged ones may count anything.
	if within(s.Examples) && within(c.BatchSize) && within(c.Accumulation) {
		c.ResolvePerEpoch(s.Examples)
		p := newSteps(c, s.Examples)
		saved.Steps, saved.Epochs, saved.Ended = p.total, p.epochs(s.Step), s.ended(c, p)
	}
	return saved, nil
}

// within reports whether a count can be one of a run.
func within(n int) bool { return n > 0 && n < 1<<31 }
