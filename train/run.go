// Package train is the loop: batches in, a better adapter and checkpoints out.
package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/model"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// The ways a run ends early that a caller may want to tell apart.
var (
	ErrStopped   = errors.New("stopped; the state is kept, the same command continues it")
	ErrNotFinite = errors.New("not a finite number")
	ErrBusy      = errors.New("another run is using the output directory")
	ErrRefused   = errors.New("refused")
)

// Job is a run's material.
type Job struct {
	Model      *model.Model // wearing the adapter
	Adapter    *adapter.Set
	Training   []data.Example
	Evaluation []data.Example
	Inputs     Inputs
	Record     adapter.Record
	Objective  Objective
	Settings   []byte            // config.yaml as it will be kept; may be nil
	Beside     map[string][]byte // files that are kept with the adapter

	// Sample answers an instruction as the adapter is now, for sample_prompts;
	// nil: it cannot. It must leave the run as it is.
	Sample func(ctx context.Context, prompt string) (string, error)

	Log      zerolog.Logger // evaluations, checkpoints
	Out      io.Writer      // steps and samples, for people; may be nil
	Terminal bool           // Out can update a line in place
}

// Result is what a run came to.
type Result struct {
	Steps      int
	Loss       float64 // of the last step
	EvalBefore float64 // 0 without evaluation data
	EvalAfter  float64
	Best       int // the step whose checkpoint is the result; 0: the last
	Elapsed    time.Duration
}

type run struct {
	config    Config
	job       Job
	base      *model.Model // the model without its adapter, once an objective needs it
	disk      atomicfile.Disk
	optimizer *adamW
	schedule  Schedule
	steps     *steps
	state     state
	log       *report.Log
	show      *report.Progress
	start     time.Time
	evalSet   string  // which examples are held out
	loss      float64 // of the last step
	auto      bool    // share_prefix is auto: a run that goes on keeps what it began with
}

// Run trains until the configured steps are done, ctx is cancelled (then the
// last finished step is saved and ErrStopped returned), or something fails.
// A run that was stopped in any way continues where its newest checkpoint is,
// to the same bits.
func Run(ctx context.Context, c Config, job Job) (Result, error) {
	return runOn(ctx, atomicfile.OS{}, c, job)
}

func runOn(ctx context.Context, d atomicfile.Disk, c Config, job Job) (Result, error) {
	if err := os.MkdirAll(c.OutputDir, 0o755); err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	lock := flock.New(filepath.Join(c.OutputDir, ".lock"))
	if ok, err := lock.TryLock(); err != nil {
		return Result{}, fmt.Errorf("train: lock %s: %w", c.OutputDir, err)
	} else if !ok {
		return Result{}, fmt.Errorf("train: %s: %w", c.OutputDir, ErrBusy)
	}
	defer lock.Unlock()
	if len(job.Training) == 0 {
		return Result{}, fmt.Errorf("train: %w: there is no example to learn from", ErrRefused)
	}
	if job.Objective.Base && job.Adapter.Method().Name() == adapter.TypeFull {
		return Result{}, fmt.Errorf("train: %w: the objective needs the model without its adapter, and all weights are tuned",
			ErrRefused)
	}
	auto := c.SharePrefix == "auto"
	c, err := job.resolveSharePrefix(c)
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	s := newSteps(c, len(job.Training))
	r := &run{
		config: c, job: job, disk: d, steps: s, schedule: newSchedule(c, s.total),
		optimizer: newAdamW(c, job.Model.Device(), job.Adapter.Params()),
		show:      &report.Progress{Out: job.Out, Terminal: job.Terminal, Every: c.LoggingSteps, Total: s.total},
		state:     state{Evaluated: -1, Sampled: -1, Config: c, Inputs: job.Inputs},
		start:     time.Now(), evalSet: setHash(job.Evaluation), auto: auto,
	}
	if r.show.Out == nil {
		r.show.Out = io.Discard
	}
	w := NewWorkload(c, job.Training, job.Evaluation)
	job.Model.Reserve(w.Tokens, w.Learned)
	if err := r.train(ctx); err != nil {
		return r.result(), fmt.Errorf("train: %w", err)
	}
	return r.result(), nil
}

func (r *run) train(ctx context.Context) error {
	checkpoint.Sweep(r.disk, r.config.OutputDir)
	if err := r.resume(); err != nil {
		return err
	}
	var err error
	last := report.Limits{Steps: r.state.Step, Evals: r.state.Evaluated, Samples: r.state.Sampled}
	if r.log, err = report.OpenLog(r.disk, r.config.OutputDir, last); err != nil {
		return err
	}
	defer r.log.Close()
	if r.job.Settings != nil {
		if err := atomicfile.Replace(r.disk, filepath.Join(r.config.OutputDir, "config.yaml"), atomicfile.Bytes(r.job.Settings)); err != nil {
			return err
		}
	}
	for {
		if err := r.keep(ctx); err != nil {
			return r.stopped(ctx, err)
		}
		if r.done() {
			return r.export()
		}
		if err := r.step(ctx); err != nil {
			return r.stopped(ctx, err)
		}
	}
}

// step is one optimizer step.
func (r *run) step(ctx context.Context) error {
	k, began := r.state.Step, time.Now()
	row, err := r.gradients(ctx, k, r.steps.examples(k))
	if err != nil {
		return err
	}
	row.LearningRate = r.schedule.Rate(k)
	r.optimizer.step(row.LearningRate, clip(row.GradNorm, r.config.MaxGradNorm))
	if err := r.job.Adapter.Refresh(); err != nil {
		return err
	}
	r.state.Step, r.loss = k+1, row.Loss
	took := time.Since(began)
	row.Epoch = float64(k+1) / float64(r.steps.perEpoch)
	row.TokensPerSecond = float64(row.Tokens) / max(took.Seconds(), 1e-9)
	row.ElapsedSeconds = r.elapsed()
	r.log.Add(row)
	done := float64(k + 1)
	r.show.Step(row, time.Duration(row.ElapsedSeconds/done*float64(r.steps.total-k-1)*1e9))
	return nil
}

// stopped decides what an early end means: after a cancelled context the last
// finished step is saved.
func (r *run) stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		if names := checkpoint.List(r.config.OutputDir); errors.Is(err, ErrNotFinite) && len(names) > 0 {
			return fmt.Errorf("%w (last finite loss %.4f); state kept in %s", err, r.loss, filepath.Join(r.config.OutputDir, names[len(names)-1]))
		}
		return err
	}
	if r.state.Step > 0 {
		if err := r.save(); err != nil {
			return err
		}
	}
	return fmt.Errorf("step %d of %d: %w", r.state.Step, r.steps.total, ErrStopped)
}

// elapsed is the time spent training, earlier attempts included.
func (r *run) elapsed() float64 { return r.state.Elapsed + time.Since(r.start).Seconds() }
