package train

import (
	"context"
	"fmt"

	"fettle/data"
	"fettle/model"
	"fettle/train/report"
)

// gradients runs a step's examples, micro-batch by micro-batch, and leaves the gradient of their mean token loss in
// the parameters. The divisor is the number of learned tokens of the whole step, known before the first pass.
func (r *run) gradients(ctx context.Context, k int, examples []int) (report.StepRow, error) {
	row := report.StepRow{Step: k + 1}
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
