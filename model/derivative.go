package model

import (
	"errors"
	"fmt"
)

// Derivative gives the derivative of the loss L with respect to the negative log-likelihood of every segment of a
// batch: dnll[s] = ∂L/∂nll[s], where nll[s] = Σ weight·(−log p) over the targets of segment s, as Loss returns it. The
// backward pass starts from there. A micro-batch of a step whose loss is a mean over N learned tokens has Uniform(1/N).
type Derivative struct {
	uniform float64
	of      func(nll []float64) []float64
}

// Uniform is the same derivative for every segment: L = d·Σ nll. Batches of PackShared take no other, as the likelihood
// of a shared row belongs to several sequences.
func Uniform(d float64) Derivative { return Derivative{uniform: d} }

// Of is a derivative that depends on the likelihoods: dnll is called once, with the batch's nll, and returns ∂L/∂nll,
// one value for every segment. The head runs twice: for nll, and again for the gradient.
func Of(dnll func(nll []float64) []float64) Derivative { return Derivative{of: dnll} }

// scales is ∂L/∂(−log p) of every target: its Weight times the derivative of its segment. nll computes what Loss
// returns, where the derivative depends on it.
func (d Derivative) scales(b *Batch, nll func() []float64) ([]float32, error) {
	var dnll []float64
	if d.of != nil {
		if b.shared() {
			return nil, errors.New("model: a loss by sequence needs a batch without shared prefixes")
		}
		if dnll = d.of(nll()); len(dnll) != len(b.Segments) {
			return nil, fmt.Errorf("model: derivatives for %d segments, want %d", len(dnll), len(b.Segments))
		}
	}
	scales := make([]float32, len(b.Targets))
	b.eachTarget(func(i, segment int) {
		derivative := d.uniform
		if d.of != nil {
			derivative = dnll[segment]
		}
		scales[i] = float32(float64(b.Targets[i].Weight) * derivative)
	})
	return scales, nil
}
