package train

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fettle/data"
	"fettle/internal/mapped"
	"fettle/model"
	"fettle/train/report"
)

// step makes one optimizer step: gradients, clipping, AdamW.
func (r *run) step(ctx context.Context) error {
	k, began := r.state.Step, time.Now()
	var row report.StepRow
	err := mapped.Call(func() (err error) {
		row, err = r.gradients(ctx, k, r.steps.examples(k))
		return err
	})
	if err != nil {
		return err
	}
	row.LearningRate = r.schedule.rate(k)
	r.optimizer.step(row.LearningRate, clip(row.GradNorm, r.config.MaxGradNorm))
	if name := r.optimizer.notFinite(); name != "" {
		return &notFiniteError{step: k + 1, what: "new values of " + name, updated: true,
			where: fmt.Sprintf(". A learning_rate below %v keeps them finite", row.LearningRate)}
	}
	if err := r.job.Adapter.Refresh(); err != nil {
		return err
	}
	r.state.Step, r.state.Loss = k+1, row.Loss
	row.Epoch = r.steps.epochs(k + 1)
	row.TokensPerSecond = float64(row.Tokens) / max(time.Since(began).Seconds(), 1e-9)
	row.ElapsedSeconds = r.elapsed()
	r.log.Add(row)
	r.show.Step(row, r.left(row.ElapsedSeconds))
	r.publish(report.Running, "")
	return nil
}

// gradients runs the examples of step k, micro-batch by micro-batch, and leaves the gradient of the objective in the
// parameters.
func (r *run) gradients(ctx context.Context, k int, which []int) (report.StepRow, error) {
	row := report.StepRow{Step: k + 1}
	examples, weight := pick(r.job.Training, which), 0
	for _, e := range examples {
		row.LearnedTokens += e.Learned()
		row.Tokens += e.Len()
		weight += r.job.Objective.weight(e)
	}
	d, scale := r.config.deal(examples, r.size()), 1/float64(max(weight, 1))
	words, err := r.part(ctx, k, d, examples, scale)
	if err != nil {
		return row, err
	}
	sum := 0.0
	for _, w := range words {
		for _, l := range w.Losses {
			sum += l
		}
	}
	if err := r.share(&row, d, words); err != nil {
		return row, err
	}
	if err := r.job.Adapter.Finish(); err != nil {
		return row, err
	}
	row.Loss, row.GradNorm = sum*scale, r.optimizer.norm()
	if !finite(row.Loss) || !finite(row.GradNorm) {
		where, err := r.blame(ctx, k, d, examples)
		if err != nil {
			return row, err
		}
		return row, &notFiniteError{step: k + 1, where: where,
			what: fmt.Sprintf("loss is %v, gradient norm %v", row.Loss, row.GradNorm)}
	}
	return row, nil
}

// part runs this process's part of a step forward and backward and returns what all processes say of theirs.
func (r *run) part(ctx context.Context, k int, d deal, examples []data.Example, scale float64) ([]word, error) {
	began, segments := time.Now(), d.sequences[r.rank()]
	r.job.Adapter.Begin(segments)
	var mine word
	var err error
	for batch := range slices.Chunk(d.of(r.rank(), examples), r.config.BatchSize) {
		if err = ctx.Err(); err != nil {
			break
		}
		b := r.batch(k, batch, segments)
		segments += len(b.Segments)
		var losses []float64
		if losses, err = r.backward(b, batch, scale); err != nil {
			break
		}
		mine.Losses = append(mine.Losses, losses...)
	}
	mine.Seconds = time.Since(began).Seconds()
	mine.Save = r.ranks != nil && r.leads() && r.job.Board.AskedToSave()
	all, err := r.meet(ctx, mine, err)
	if err == nil {
		r.asked = all[0].Save
	}
	return all, err
}

// share adds up the parts of a step that all processes have.
func (r *run) share(row *report.StepRow, d deal, words []word) error {
	if r.ranks == nil {
		return nil
	}
	for _, w := range words {
		row.RankSeconds = append(row.RankSeconds, w.Seconds)
	}
	if r.leads() {
		r.slow.see(d.tokens, row.RankSeconds, func(rank int, speed, others float64) {
			r.job.Log.Warn().Int("rank", rank).Msgf("%s is slow: %.4g tokens a second, the others %.4g on average. All wait "+
				"for it.", r.ranks.Name(rank), speed, others)
		})
	}
	began := time.Now()
	err := r.ranks.Sum(d.sequences, r.job.Adapter.Parts(d.sequences[r.rank()+1]), r.job.Adapter.Totals())
	if err != nil {
		r.over = true
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	row.ExchangeSeconds = time.Since(began).Seconds()
	return err
}

// batch packs examples of step k, before whose sequences others come.
func (r *run) batch(k int, examples []data.Example, others int) *model.Batch {
	b := r.config.pack(examples)
	b.Train, b.Seed, b.Step = true, r.config.Seed, uint64(k)
	for i := range b.Samples {
		b.Samples[i] += uint64(others) // the sequence's index in the step
	}
	return b
}

// pick returns the examples with these indices.
func pick(all []data.Example, which []int) []data.Example {
	examples := make([]data.Example, len(which))
	for i, j := range which {
		examples[i] = all[j]
	}
	return examples
}

// pack lays the sequences of the examples out as one batch.
func (c Config) pack(examples []data.Example) *model.Batch {
	var tokens, labels [][]int32
	for _, e := range examples {
		for s := range e.Sequences() {
			tokens, labels = append(tokens, s.Tokens), append(labels, s.Labels)
		}
	}
	if c.SharePrefix == "true" {
		return model.PackShared(tokens, labels)
	}
	return model.Pack(tokens, labels)
}
