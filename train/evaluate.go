package train

import (
	"context"
	"math"
	"slices"
)

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
