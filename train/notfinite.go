package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/data"
	tensors "fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute"
	"fettle/model"
	"fettle/train/checkpoint"
	"fettle/train/journal"
)

// The values of on_nan: what follows a step whose loss, gradient or new weights are not finite.
const (
	onNaNStop     = "stop"
	onNaNSkip     = "skip"     // the weights stay as they were before it
	onNaNRollback = "rollback" // the weights of the newest checkpoint return, and all steps since it are left out
)

// maxNotFinite bounds the steps that a run may have that were not finite.
const maxNotFinite = 10

// notFiniteError describes a step.
type notFiniteError struct {
	step    int    // from 1 on
	what    string // the numbers
	where   string // they begin, and what to do
	updated bool   // the weights have changed already
}

func (e *notFiniteError) Error() string {
	return fmt.Sprintf("step %d: %s: %v%s", e.step, e.what, ErrNotFinite, e.where)
}

func (e *notFiniteError) Unwrap() error { return ErrNotFinite }

// survive continues behind a step that was not finite, if on_nan says so; otherwise it returns err.
func (r *run) survive(ctx context.Context, err error) error {
	var bad *notFiniteError
	if !errors.As(err, &bad) || r.config.OnNaN == onNaNStop {
		return err
	}
	if r.state.NotFinite++; r.state.NotFinite > maxNotFinite {
		return fmt.Errorf("%w; %d steps before it were not finite either, and on_nan %s ends here", err, maxNotFinite,
			r.config.OnNaN)
	}
	first := r.state.Step // of those that are left out, from 0 on
	if r.config.OnNaN == onNaNRollback {
		failed := r.together(ctx, func() (failed error) { first, failed = r.rollback(); return failed })
		if failed != nil {
			return fmt.Errorf("%w; on_nan rollback: %w", err, failed)
		}
	} else if bad.updated {
		return fmt.Errorf("%w; on_nan skip cannot take the step back, rollback can", err)
	}
	r.note(journal.Entry{Event: journal.Skipped, Step: bad.step, Reason: bad.what + ": not a finite number"})
	r.state.Step, r.state.Skipped = bad.step, r.state.Skipped+bad.step-first
	if r.config.OnNaN == onNaNRollback {
		if failed := r.catchUp(); failed != nil {
			return failed
		}
	}
	r.job.Log.Warn().Msgf("%v; on_nan %s: going on with the weights of step %d, without the %d steps behind it", err,
		r.config.OnNaN, first, bad.step-first)
	return nil
}

// rollback restores weights and moments of the newest sound checkpoint and returns its step.
func (r *run) rollback() (step int, err error) {
	from := checkpoint.Newest(r.config.OutputDir, sound, func(string, error) {})
	if from == "" {
		return 0, errors.New("there is no checkpoint yet; a lower save_steps makes one earlier")
	}
	s, err := readState(from, r.config, r.job.Inputs, r.steps)
	if err != nil {
		return 0, err
	}
	r.state.Skipped = s.Skipped
	return s.Step, r.restore(from, s)
}

// restore reads the weights and moments of a checkpoint.
func (r *run) restore(from string, s state) error {
	if err := r.job.Adapter.Restore(from); err != nil {
		return err
	}
	f, err := safetensors.Open(filepath.Join(from, optimizerFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.optimizer.restore(f, s.Step-s.Skipped); err != nil {
		return fmt.Errorf("resume from %s: %s: %w", from, optimizerFile, err)
	}
	return nil
}

// sound is checkpoint.Verify, and refuses weights and moments that are not finite.
func sound(dir string) error {
	err := checkpoint.Verify(dir)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil && filepath.Ext(e.Name()) == ".safetensors" {
			err = finiteFile(filepath.Join(dir, e.Name()))
		}
	}
	return err
}

// finiteFile refuses a file with a float32 that is not finite.
func finiteFile(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, t := range f.ByName {
		if t.Type == tensors.F32 && !compute.F32.Finite(t.Data) {
			return fmt.Errorf("%s: tensor %s has a number that is not finite", filepath.Base(path), t.Name)
		}
	}
	return nil
}

// blame says where the numbers of a step that is not finite begin, and what to do. Each process looks at its examples.
func (r *run) blame(ctx context.Context, k int, d deal, examples []data.Example) (string, error) {
	where, which, err := r.trace(k, d.sequences[r.rank()], d.of(r.rank(), examples))
	if err != nil {
		where, which = "", nil
	}
	words, err := r.meet(ctx, word{Where: where, Which: which}, nil)
	if err != nil {
		return "", err
	}
	where, which = "", nil
	for _, w := range words {
		where, which = cmp.Or(where, w.Where), append(which, w.Which...)
	}
	var text string
	if which = which[:min(3, len(which))]; which != nil {
		text = fmt.Sprintf("; they begin in %s, with %s", where, strings.Join(which, ", "))
	}
	if r.state.Loss != 0 {
		text += fmt.Sprintf(" (last finite loss %.4f)", r.state.Loss)
	}
	if k == 0 {
		return text + ". Nothing was learned before: look at these examples, the base and the adapter begun with; " +
			"--on_nan skip leaves such steps out", nil
	}
	return text + fmt.Sprintf(". Look at these examples, or lower learning_rate (%v at this step); --on_nan skip leaves "+
		"such steps out, --on_nan rollback also returns to the weights of the last checkpoint", r.schedule.rate(k)), nil
}

// trace runs examples of a step one by one, before whose sequences others come. It returns where in the network numbers
// first stop being finite, and the sources of up to three examples with which they do.
func (r *run) trace(k, segments int, examples []data.Example) (where string, which []string, err error) {
	for _, e := range examples {
		b := r.batch(k, []data.Example{e}, segments)
		segments += len(b.Segments)
		at, err := r.job.Model.FirstNotFinite(b)
		if err == nil && at == "" {
			if at, err = r.badGradient(b, e); at != "" {
				at = "the gradient of " + at
			}
		}
		if err != nil {
			return "", nil, err
		}
		if at == "" {
			continue
		}
		if where == "" {
			where = at
		}
		if which = append(which, e.Source); len(which) == 3 {
			break
		}
	}
	return where, which, nil
}

// badGradient returns the name of the first parameter whose gradient from one example is not finite, "" for none.
func (r *run) badGradient(b *model.Batch, e data.Example) (string, error) {
	r.job.Adapter.Begin(int(b.Samples[0]))
	_, err := r.backward(b, []data.Example{e}, 1)
	if err == nil {
		err = r.job.Adapter.Finish()
	}
	for _, p := range slices.Backward(r.optimizer.params) { // the last layer's gradients come first
		if !finite(r.optimizer.device.SumSquares(p.Grad, 0)) {
			return p.Name, err
		}
	}
	return "", err
}
