package train

import (
	"fettle/data"
	"fettle/internal/tree"
)

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
