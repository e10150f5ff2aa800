package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

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
	r.info("evaluation at step %d: loss %.4f over %d tokens", r.state.Step, loss, tokens)
	if stale := r.state.Watch.Stale; r.config.Patience > 0 && stale >= r.config.Patience {
		r.info("%d evaluations without a better loss than %.4f: the run ends here", stale, r.state.Watch.Lowest)
	}
	return nil
}

// evaluate returns the objective over the evaluation set, and the number of the set's learned tokens.
func (r *run) evaluate(ctx context.Context) (float64, int, error) {
	sum, weight, tokens := 0.0, 0, 0
	for batch := range slices.Chunk(r.job.Evaluation, r.config.BatchSize) {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		for _, e := range batch {
			weight += r.job.Objective.weight(e)
			tokens += e.Learned()
		}
		losses, err := r.forward(r.config.pack(batch), batch)
		if err != nil {
			return 0, 0, err
		}
		for _, l := range losses {
			sum += l
		}
	}
	return sum / float64(max(weight, 1)), tokens, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
