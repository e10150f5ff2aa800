// Package train is the training loop: it updates an adapter with the gradients of an objective over a data set, and
// keeps checkpoints, so that an interrupted run continues to the same bits.
package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/mapped"
	"fettle/model"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// Errors of runs that end early, for callers that tell them apart.
var (
	ErrStopped   = errors.New("stopped; the state is kept, the same command continues it")
	ErrNotFinite = errors.New("not a finite number")
	ErrBusy      = errors.New("another run is using the output directory")
	ErrRefused   = errors.New("refused")
)

type run struct {
	company
	config    Config
	job       Job
	base      *model.Model // the model without its adapter, once an objective needs it
	disk      atomicfile.Disk
	optimizer *adamW
	schedule  schedule
	steps     *steps
	state     state
	log       *report.Log
	show      *report.Progress
	start     time.Time
	evalSet   string // hash of the evaluation set
	learned   int    // tokens of an epoch
	most      int    // sequences of a step
	auto      bool   // share_prefix is auto: a continued run keeps its first resolution
	unpointed bool   // it was said that there is no link to the best checkpoint
	slow      slowness
	asked     bool // where several processes share the run: a checkpoint was asked for
}

// Run trains until all steps are done, something fails, or ctx is cancelled; then it saves the last finished step and
// returns ErrStopped. A run that was interrupted in any way continues from its newest checkpoint, to the same bits.
func Run(ctx context.Context, c Config, job Job) (Result, error) {
	return runOn(ctx, atomicfile.OS{}, c, job)
}

// runOn is Run with the output directory on a disk.
func runOn(ctx context.Context, d atomicfile.Disk, c Config, job Job) (Result, error) {
	all, unlock := &company{ranks: job.Ranks}, func() error { return nil }
	err := all.together(ctx, func() (err error) {
		if err = atomicfile.MkdirAll(d, c.OutputDir); err == nil {
			unlock, err = take(c.OutputDir, tryLock, func(text string) { job.Log.Warn().Msg(text) })
		}
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	defer unlock()
	r, err := newRun(d, c, job)
	if _, err = all.meet(context.WithoutCancel(ctx), word{}, err); err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	if err := r.train(ctx); err != nil {
		r.tell(ctx, err)
		r.ended(err)
		return r.result(), fmt.Errorf("train: %w", err)
	}
	return r.result(), nil
}

func newRun(d atomicfile.Disk, c Config, job Job) (*run, error) {
	if len(job.Training) == 0 {
		return nil, fmt.Errorf("%w: there is no example to learn from", ErrRefused)
	}
	if job.Objective.Base && job.Adapter.Method().Name() == adapter.TypeFull {
		return nil, fmt.Errorf("%w: the objective needs the model without its adapter, and all weights are tuned", ErrRefused)
	}
	auto := c.SharePrefix == "auto"
	c, err := job.resolveSharePrefix(c)
	if err != nil {
		return nil, err
	}
	if job.Board == nil {
		job.Board = &report.Board{}
	}
	w := NewWorkload(c, job.Training, job.Evaluation)
	job.Model.Reserve(w.Tokens, w.Learned)
	s := newSteps(c, len(job.Training))
	learned := 0
	for _, e := range job.Training {
		learned += e.Learned()
	}
	rates, err := newSchedule(c, s.total)
	if err != nil {
		return nil, err
	}
	all := company{ranks: job.Ranks}
	if !all.leads() {
		job.Log, job.Steps, job.Status = zerolog.Nop(), zerolog.Nop(), nil
	}
	return &run{
		company: all, config: c, job: job, disk: d, steps: s, schedule: rates,
		optimizer: newAdamW(c, job.Model.Device(), job.Adapter.Params()),
		show:      &report.Progress{Log: job.Steps, Status: job.Status, Every: c.LoggingSteps, Total: s.total},
		state:     state{Examples: s.n, Evaluated: -1, Sampled: -1, Definitions: definitions, Config: c, Inputs: job.Inputs},
		start:     time.Now(), evalSet: setHash(job.Evaluation), learned: learned, most: w.Most, auto: auto,
	}, nil
}

func (r *run) train(ctx context.Context) error {
	if err := r.agree(); err != nil {
		return err
	}
	from := ""
	if err := r.together(ctx, func() (err error) { from, err = r.begin(); return err }); err != nil {
		return err
	}
	if err := r.catchUp(); err != nil {
		return err
	}
	if !r.leads() {
		r.log = &report.Log{}
	}
	defer r.log.Close()
	r.publish(report.Running, "")
	if r.leads() {
		r.noteBeginning(from)
		defer r.keepPage()()
	}
	for {
		if err := mapped.Call(func() error { return r.afterStep(ctx) }); err != nil {
			return r.stopped(ctx, err)
		}
		if r.done() {
			return r.together(ctx, r.export)
		}
		err := r.step(ctx)
		if err != nil {
			err = r.survive(ctx, err)
		}
		if err != nil {
			return r.stopped(ctx, err)
		}
	}
}

// begin takes up an earlier run, whose newest checkpoint it returns, and makes the files of this one.
func (r *run) begin() (from string, err error) {
	checkpoint.Sweep(r.disk, r.config.OutputDir)
	if from, err = r.resume(); err != nil {
		return from, err
	}
	r.keepArithmetic(from)
	last := report.Limits{Steps: r.state.Step, Evals: r.state.Evaluated, Samples: r.state.Sampled}
	if r.log, err = report.OpenLog(r.disk, r.config.OutputDir, last); err != nil {
		return from, err
	}
	if r.job.Settings != nil {
		path := filepath.Join(r.config.OutputDir, "config.yaml")
		err = atomicfile.Replace(r.disk, path, atomicfile.Bytes(r.job.Settings))
	}
	return from, err
}

// stopped handles an early end. After a cancelled context, or where the base cannot be read any more, it saves the last
// finished step.
func (r *run) stopped(ctx context.Context, err error) error {
	asked := ctx.Err() != nil || errors.Is(err, errAsked)
	if !r.leads() {
		if asked {
			return stop{step: r.state.Step, of: r.steps.total}
		}
		return err
	}
	if errors.Is(err, mapped.ErrCut) || OthersFault(err) {
		err = fmt.Errorf("step %d of %d: %w", r.state.Step, r.steps.total, err)
		if r.state.Step > 0 && mapped.Call(r.save) == nil {
			err = fmt.Errorf("%w; the state is kept, the same command then continues", err)
		}
		return err
	}
	if !asked {
		if names := checkpoint.List(r.config.OutputDir); errors.Is(err, ErrNotFinite) && len(names) > 0 {
			kept := filepath.Join(r.config.OutputDir, names[len(names)-1])
			return fmt.Errorf("%w; state kept in %s", err, kept)
		}
		return err
	}
	if r.state.Step > 0 {
		if err := r.save(); err != nil {
			return err
		}
	}
	return stop{step: r.state.Step, of: r.steps.total}
}

// elapsed is the time spent training in seconds, earlier attempts included.
func (r *run) elapsed() float64 { return r.state.Elapsed + time.Since(r.start).Seconds() }
