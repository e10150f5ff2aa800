package train

import (
	"fmt"

	"fettle/data"
	"fettle/model"
)

// Objective defines the loss of an optimizer step as a mean over its examples e:
//
//	L = Σ Loss(e) / Σ Weight(e)
//
// The divisor is known before the first forward pass, and the sums run over the examples in order, so that L does not
// depend on how a step is divided into micro-batches. The zero Objective is the mean negative log-likelihood of the
// learned tokens, as of every language model.
type Objective struct {
	// Weight returns an example's weight, from the number of learned tokens of each of its sequences. nil: their sum.
	Weight func(learned []int) int

	// Loss returns an example's loss, and its derivative with respect to each of Scores.NLL. nil: Σ NLL, whose
	// derivative is 1 whatever the likelihoods are. Only then can sequences share prefixes and the head run once.
	Loss func(Scores) (loss float64, derivative []float64)

	// Base asks for Scores.Base, at the cost of another forward pass.
	Base bool
}

// Scores describes the sequences of an example.
type Scores struct {
	NLL     []float64 // Σ −log p over the learned tokens of each sequence
	Base    []float64 // the same of the model without its adapter; nil unless the Objective asks for it
	Learned []int     // learned tokens of each sequence
}

// weight returns the weight of an example.
func (o Objective) weight(e data.Example) int {
	if o.Weight == nil {
		return e.Learned()
	}
	return o.Weight(learnedOf(e))
}

// losses returns the examples' losses and the derivatives of their sum with respect to nll, given by sequence.
func (o Objective) losses(examples []data.Example, nll, base []float64) (losses, derivative []float64, err error) {
	for _, e := range examples {
		s := Scores{Learned: learnedOf(e)}
		n := len(s.Learned)
		s.NLL, nll = nll[:n], nll[n:]
		if base != nil {
			s.Base, base = base[:n], base[n:]
		}
		loss, d := o.Loss(s)
		if len(d) != n {
			return nil, nil, fmt.Errorf("objective: %d derivatives for the %d sequences of %s", len(d), n, e.Source)
		}
		losses, derivative = append(losses, loss), append(derivative, d...)
	}
	return losses, derivative, nil
}

func learnedOf(e data.Example) []int {
	var learned []int
	for s := range e.Sequences() {
		learned = append(learned, s.Learned())
	}
	return learned
}

// backward runs a batch of the examples forward and backward and returns losses that sum to its part of Σ Loss(e).
// scale is 1 / Σ Weight(e) over the step.
func (r *run) backward(b *model.Batch, examples []data.Example, scale float64) ([]float64, error) {
	o := r.job.Objective
	if o.Loss == nil {
		return r.job.Model.Gradients(b, model.Uniform(scale))
	}
	base, err := r.baseScores(b)
	if err != nil {
		return nil, err
	}
	var losses []float64
	var wrong error
	_, err = r.job.Model.Gradients(b, model.Of(func(nll []float64) (derivative []float64) {
		losses, derivative, wrong = o.losses(examples, nll, base)
		for i := range derivative {
			derivative[i] *= scale
		}
		return derivative
	}))
	if wrong != nil {
		return nil, wrong
	}
	return losses, err
}

// forward returns losses that sum to Σ Loss(e) over the examples of a batch.
func (r *run) forward(b *model.Batch, examples []data.Example) ([]float64, error) {
	nll, err := r.job.Model.Loss(b)
	if err != nil || r.job.Objective.Loss == nil {
		return nll, err
	}
	base, err := r.baseScores(b)
	if err != nil {
		return nil, err
	}
	losses, _, err := r.job.Objective.losses(examples, nll, base)
	return losses, err
}

// baseScores returns the sequences' negative log-likelihoods without the adapter, where the objective asks for them.
func (r *run) baseScores(b *model.Batch) ([]float64, error) {
	if !r.job.Objective.Base {
		return nil, nil
	}
	if r.base == nil {
		r.base = r.job.Adapter.Bare()
	}
	return r.base.Loss(b)
}
