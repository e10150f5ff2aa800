package train

import (
	"context"
	"time"
)

// Pace is the measured speed of a run's steps.
type Pace struct {
	Token time.Duration `json:"per_token"` // of forward and backward passes
	Step  time.Duration `json:"per_step"`  // of the optimizer, in addition
	Held  time.Duration `json:"per_held_out_token"`
	Tried int           `json:"tried_tokens"`
}

// Time returns how long a run takes at this pace.
func (p Pace) Time(w Workload) time.Duration {
	return time.Duration(w.All)*p.Token + time.Duration(w.Steps)*p.Step + time.Duration(w.Held*w.Evals)*p.Held
}

// Probe measures n micro-batches spread over the first epoch, after one that warms up, an update and a held-out
// micro-batch. It leaves every parameter as it was; their gradients change.
func Probe(ctx context.Context, c Config, job Job, n int) (Pace, error) {
	c, err := job.resolveSharePrefix(c)
	if err != nil {
		return Pace{}, err
	}
	s := newSteps(c, len(job.Training))
	c.Accumulation = 1
	r := &run{config: c, job: job, steps: s, optimizer: newAdamW(c, job.Model.Device(), job.Adapter.Params())}
	w := NewWorkload(c, job.Training, job.Evaluation)
	job.Model.Reserve(w.Tokens, w.Learned)
	var pace Pace
	var spent time.Duration
	for i := range n + 1 {
		which := s.examples(max(0, i-1) * s.perEpoch / max(n, 1))
		which = which[:min(c.BatchSize, len(which))]
		began := time.Now()
		row, err := r.gradients(ctx, 0, which)
		if err != nil {
			return pace, err
		}
		if i > 0 {
			spent, pace.Tried = spent+time.Since(began), pace.Tried+row.Tokens
		}
	}
	pace.Token = spent / time.Duration(max(pace.Tried, 1))
	began := time.Now()
	r.optimizer.step(0, 1) // a rate of 0 moves nothing
	if err := job.Adapter.Refresh(); err != nil {
		return pace, err
	}
	pace.Step = time.Since(began)
	if len(job.Evaluation) == 0 {
		return pace, nil
	}
	held := job.Evaluation[:min(c.BatchSize, len(job.Evaluation))]
	b := c.pack(held)
	began = time.Now()
	_, err = r.forward(b, held)
	pace.Held = time.Since(began) / time.Duration(max(tokensOf(held), 1))
	return pace, err
}
