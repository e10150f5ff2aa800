package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"fettle/internal/human"
	"fettle/train/report"
)

// evaluation evaluates the evaluation set, if there is one, and logs its loss.
func (r *run) evaluation(ctx context.Context) error {
	if len(r.job.Evaluation) == 0 {
		r.state.Evaluated = r.state.Step
		return nil
	}
	began := time.Now()
	loss, tokens, err := r.evaluate(ctx)
	if err != nil {
		return err
	}
	if !finite(loss) {
		return fmt.Errorf("step %d: held-out loss is %v: %w", r.state.Step, loss, ErrNotFinite)
	}
	if r.state.Step == 0 {
		r.state.EvalBefore = loss
	} else {
		r.state.Watch.evaluated(loss, r.evalSet, r.config.Threshold)
	}
	r.state.Evaluated, r.state.EvalLast = r.state.Step, loss
	r.log.Add(report.EvalRow{
		Step: r.state.Step, EvalLoss: loss, EvalTokens: tokens, EvalSeconds: time.Since(began).Seconds(),
		ElapsedSeconds: r.elapsed(),
	})
	r.job.Log.Info().Int("step", r.state.Step).Float64("eval_loss", loss).Int("eval_learned_tokens", tokens).Msgf(
		"Held-out loss %s: %.4f (%s).", r.when(), loss, human.Plural(tokens, "learned token"))
	if stale := r.state.Watch.Stale; r.config.Patience > 0 && stale >= r.config.Patience {
		r.job.Log.Info().Int("stale", stale).Float64("lowest", r.state.Watch.Lowest).Msgf(
			"The run ends here: %s without a lower loss than %.4f (early_stopping_patience).",
			human.Plural(stale, "evaluation"), r.state.Watch.Lowest)
	}
	return nil
}

// evaluate returns the objective over the evaluation set, and the number of the set's learned tokens.
func (r *run) evaluate(ctx context.Context) (float64, int, error) {
	sum, weight, tokens := 0.0, 0, 0
	all := r.job.Evaluation
	for _, e := range all {
		weight += r.job.Objective.weight(e)
		tokens += e.Learned()
	}
	var mine word
	var err error
	for batch := range slices.Chunk(r.config.deal(all, r.size()).of(r.rank(), all), r.config.BatchSize) {
		if err = ctx.Err(); err != nil {
			break
		}
		var losses []float64
		if losses, err = r.forward(r.config.pack(batch), batch); err != nil {
			break
		}
		mine.Losses = append(mine.Losses, losses...)
	}
	words, err := r.meet(ctx, mine, err)
	if err != nil {
		return 0, 0, err
	}
	for _, w := range words {
		for _, l := range w.Losses {
			sum += l
		}
	}
	return sum / float64(max(weight, 1)), tokens, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
