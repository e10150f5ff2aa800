package train

import (
	"context"
	"math"

	"fettle/data"
)

// evaluate returns the mean token loss over the evaluation set, and the number of its learned tokens.
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
