package train

import (
	"context"
	"fmt"
	"math"

	"fettle/data"
	"fettle/model"
)

// plan says which examples every optimizer step sees. It is computed from the
// number of examples and the seed: a run can go on at any step without more.
type plan struct {
	examples int
	perStep  int // sequences of an optimizer step
	perEpoch int // steps
	total    int // steps
	seed     uint64
	shuffle  bool

	epoch int // the epoch of order
	order []int
}

// newPlan counts an epoch's steps: as many as it takes for every example to be
// seen once, the last of them short. With dataloader_drop_last whole steps only,
// at least one: what is left over sits that epoch out, another few in every epoch.
// Neither depends on how a step is cut into micro-batches.
func newPlan(c Config, examples int) *plan {
	p := &plan{examples: examples, perStep: c.BatchSize * c.Accumulation, seed: c.Seed, shuffle: c.Shuffle, epoch: -1}
	p.perEpoch = (examples + p.perStep - 1) / p.perStep
	if c.DropLast {
		p.perEpoch = max(1, examples/p.perStep)
	}
	p.total = int(math.Ceil(c.Epochs * float64(p.perEpoch)))
	if c.MaxSteps > 0 {
		p.total = c.MaxSteps
	}
	return p
}

// step lists the examples of step k, counted from 0.
func (p *plan) step(k int) []int {
	if epoch := k / p.perEpoch; epoch != p.epoch {
		p.epoch = epoch
		if p.shuffle {
			p.order = data.Order(p.examples, p.seed, epoch)
		} else {
			p.order = data.InOrder(p.examples)
		}
	}
	lo := k % p.perEpoch * p.perStep
	return p.order[lo:min(lo+p.perStep, p.examples)]
}

// seen is how many examples the first k steps have seen, counted again in every
// epoch.
func (p *plan) seen(k int) int {
	epochs, rest := k/p.perEpoch, k%p.perEpoch
	return epochs*min(p.perEpoch*p.perStep, p.examples) + min(rest*p.perStep, p.examples)
}

// gradients runs a step's examples, micro-batch by micro-batch, and leaves the
// gradient of their mean token loss in the parameters. The divisor is the
// number of learned tokens of the whole step, known before the first pass.
func (r *run) gradients(ctx context.Context, k int, examples []int) (StepRow, error) {
	row := StepRow{Step: k + 1}
	for _, i := range examples {
		row.LearnedTokens += r.job.Training[i].Learned()
		row.Tokens += len(r.job.Training[i].Tokens)
	}
	r.job.Adapter.ZeroGrad()
	scale := 1 / float64(max(row.LearnedTokens, 1))
	sum := 0.0
	for lo := 0; lo < len(examples); lo += r.config.BatchSize {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		b := r.pack(examples[lo:min(lo+r.config.BatchSize, len(examples))])
		b.Train, b.Seed, b.Step = true, r.config.Seed, uint64(k)
		for i := range b.Samples {
			b.Samples[i] += uint64(lo)
		}
		losses, err := r.job.Model.Gradients(b, model.Uniform(scale))
		if err != nil {
			return row, err
		}
		for _, l := range losses {
			sum += l
		}
	}
	if err := r.job.Adapter.Finish(); err != nil {
		return row, err
	}
	row.Loss, row.GradNorm = sum*scale, norm(r.job.Adapter.Params())
	if !finite(row.Loss) || !finite(row.GradNorm) {
		return row, fmt.Errorf("step %d: loss is %v, gradient norm %v: %w", k+1, row.Loss, row.GradNorm, ErrNotFinite)
	}
	return row, nil
}

func (r *run) pack(examples []int) *model.Batch {
	return r.config.pack(r.job.Training, examples)
}

// pack lays examples out as one batch.
func (c Config) pack(all []data.Example, which []int) *model.Batch {
	var tokens, labels [][]int32
	for _, i := range which {
		tokens, labels = append(tokens, all[i].Tokens), append(labels, all[i].Labels)
	}
	if c.SharePrefix == "true" {
		return model.PackShared(tokens, labels)
	}
	return model.Pack(tokens, labels)
}

// evaluate is the mean token loss over the evaluation set.
func (r *run) evaluate(ctx context.Context) (float64, int, error) {
	all := r.job.Evaluation
	sum, tokens := 0.0, 0
	for lo := 0; lo < len(all); lo += r.config.BatchSize {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		which := data.InOrder(min(r.config.BatchSize, len(all)-lo))
		for i := range which {
			which[i] += lo
			tokens += all[which[i]].Learned()
		}
		losses, err := r.job.Model.Loss(r.config.pack(all, which))
		if err != nil {
			return 0, 0, err
		}
		for _, l := range losses {
			sum += l
		}
	}
	return sum / float64(max(tokens, 1)), tokens, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
