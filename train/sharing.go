package train

import (
	"fmt"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/human"
	"fettle/internal/tree"
	"fettle/model"
)

// Shareable refuses a run that so many ranks cannot share, given its number of examples, method and base. share_prefix
// must be resolved.
func (c Config) Shareable(ranks, examples int, method adapter.Method, base *model.Config) error {
	if ranks < 2 {
		return nil
	}
	summed, err := adapter.Summed(method, base)
	if err != nil {
		return err
	}
	s := newSteps(c, examples)
	batches := (min(s.perStep, s.kept) + c.BatchSize - 1) / c.BatchSize
	switch {
	case !summed:
		key := "modules_to_save"
		if method.Name() == adapter.TypeFull {
			key = "finetuning_type full"
		}
		return fmt.Errorf("%w: %s trains weights of the base itself, whose gradients have no sum by sequence; more than one "+
			"rank takes lora without modules_to_save, or llama-adapter", ErrRefused, key)
	case ranks > s.kept:
		return fmt.Errorf("%w: %d ranks share %s: each needs one in every step. Start fewer, or take more data", ErrRefused,
			ranks, human.Plural(s.kept, "example"))
	case ranks > s.perStep:
		return fmt.Errorf("%w: %d ranks share steps of %s: each needs one. Start fewer, or set gradient_accumulation_steps "+
			"to %d or more", ErrRefused, ranks, human.Plural(s.perStep, "sequence"), (ranks+c.BatchSize-1)/c.BatchSize)
	case c.SharePrefix == "true" && ranks > batches:
		return fmt.Errorf("%w: %d ranks share steps of %d micro-batches, which stay whole with share_prefix: start "+
			"fewer, take smaller micro-batches and more of them, or --share_prefix false", ErrRefused, ranks, batches)
	}
	return nil
}

// Sharing holds the sizes of a run whose steps several ranks share.
type Sharing struct {
	Ranks    int     `json:"ranks"`
	Busiest  float64 `json:"busiest"`    // part of all tokens that the busiest rank of each step has; 1/Ranks: even
	Sums     int     `json:"sums"`       // most partial sums on a rank at one time, beside the gradients
	Parts    float64 `json:"parts"`      // sums that a rank sends in a step, on average
	MostPart int     `json:"most_parts"` // of all ranks together
}

// NewSharing replays how the steps of a run are dealt.
func NewSharing(c Config, training []data.Example, ranks int) Sharing {
	s, steps := Sharing{Ranks: ranks}, newSteps(c, len(training))
	all, busiest, parts := 0, 0, 0
	for k := range steps.total {
		d := c.deal(pick(training, steps.examples(k)), ranks)
		most, together := 0, 0
		for r, n := range d.tokens {
			lo, hi := d.sequences[r], d.sequences[r+1]
			all, most = all+n, max(most, n)
			together += len(tree.Nodes(lo, hi))
			s.Sums = max(s.Sums, tree.Deepest(lo, hi)-1)
		}
		busiest, parts, s.MostPart = busiest+most, parts+together, max(s.MostPart, together)
	}
	s.Busiest = float64(busiest) / float64(max(all, 1))
	s.Parts = float64(parts) / float64(max(steps.total*ranks, 1))
	return s
}

// exchangePiece is how many numbers of each part ranks exchange at one time: that of package mpi.
const exchangePiece = 4 << 20

// Buffers returns the bytes that a rank takes to exchange the gradients of so many parameters, its own parts and its
// share of all.
func (s Sharing) Buffers(trainable int) int64 {
	piece := int64(min(trainable, exchangePiece))
	own := int64(s.Sums+1) * piece
	return 4 * (own + max(piece, int64(s.MostPart)*piece/int64(s.Ranks)))
}

// Sent returns the bytes that a rank sends in a step on average, of the gradients of so many parameters.
func (s Sharing) Sent(trainable int) float64 {
	return 4 * float64(trainable) * (s.Parts + 1) * float64(s.Ranks-1) / float64(s.Ranks)
}
