package train

import (
	"math"

	"fettle/data"
)

// steps maps each optimizer step to its examples. It is computed from the number of examples and the seed alone, so a
// run can continue at any step.
type steps struct {
	n        int // examples
	perStep  int // examples of an optimizer step
	perEpoch int // steps
	total    int // steps
	seed     uint64
	shuffle  bool

	epoch int // the epoch of order
	order []int
}

// newSteps divides epochs of n examples into optimizer steps. Each example is seen once in an epoch and the last step
// is short; with dataloader_drop_last the last, incomplete step is dropped, unless it is the only one. How a step is
// divided into micro-batches makes no difference.
func newSteps(c Config, n int) *steps {
	s := &steps{n: n, perStep: c.BatchSize * c.Accumulation, seed: c.Seed, shuffle: c.Shuffle, epoch: -1}
	s.perEpoch = (n + s.perStep - 1) / s.perStep
	if c.DropLast {
		s.perEpoch = max(1, n/s.perStep)
	}
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
	return s.order[lo:min(lo+s.perStep, s.n)]
}

// seen counts the examples of the first k steps, each again in every epoch.
func (s *steps) seen(k int) int {
	epochs, rest := k/s.perEpoch, k%s.perEpoch
	return epochs*min(s.perEpoch*s.perStep, s.n) + min(rest*s.perStep, s.n)
}
