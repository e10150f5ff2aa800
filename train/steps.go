package train

import (
	"math"

	"fettle/data"
)

// steps maps each optimizer step to its examples. It is computed from the number of examples and the seed alone, so a
// run can continue at any step.
type steps struct {
	n        int // examples
	kept     int // of an epoch: fewer with dataloader_drop_last
	batch    int // examples of a micro-batch
	perStep  int // examples of an optimizer step
	perEpoch int // steps
	total    int // steps
	seed     uint64
	shuffle  bool

	epoch int // the epoch of order
	order []int
}

// newSteps divides epochs of n examples into optimizer steps. Each example is seen once in an epoch and the last step
// is short; with dataloader_drop_last the last, incomplete micro-batch is dropped, unless it is the only one. How a
// step is divided into micro-batches makes no other difference.
func newSteps(c Config, n int) *steps {
	s := &steps{
		n: n, kept: n, batch: c.BatchSize, perStep: c.BatchSize * c.Accumulation, seed: c.Seed, shuffle: c.Shuffle, epoch: -1,
	}
	if c.DropLast && n >= s.batch {
		s.kept -= n % s.batch
	}
	s.perEpoch = max(1, (s.kept+s.perStep-1)/s.perStep)
	s.total = int(math.Ceil(c.Epochs * float64(s.perEpoch)))
	if c.MaxSteps > 0 {
		s.total = c.MaxSteps
	}
	return s
}

// examples lists the examples of step k, counted from 0.
func (s *steps) examples(k int) []int {
	if epoch := k / s.perEpoch; epoch != s.epoch {
		s.epoch = epoch
		if s.shuffle {
			s.order = data.Order(s.n, s.seed, epoch)
		} else {
			s.order = data.InOrder(s.n)
		}
	}
	lo := k % s.perEpoch * s.perStep
	return s.order[lo:min(lo+s.perStep, s.kept)]
}

// seen counts the examples of the first k steps, each again in every epoch.
func (s *steps) seen(k int) int {
	epochs, rest := k/s.perEpoch, k%s.perEpoch
	return epochs*s.kept + min(rest*s.perStep, s.kept)
}

// epochs returns the epochs that are over after k steps, a part of one as the part of its micro-batches.
func (s *steps) epochs(k int) float64 {
	if k == 0 {
		return 0
	}
	whole, rest := (k-1)/s.perEpoch, (k-1)%s.perEpoch+1
	batches := max(1, (s.kept+s.batch-1)/s.batch)
	return float64(whole) + float64(min(rest*(s.perStep/s.batch), batches))/float64(batches)
}
