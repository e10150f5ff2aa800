// Package adapter holds the trainable modules, LoRA and LLaMA-Adapter: their formulas, their gradients and their files in
// PEFT's format.
//
// Gorgonia differentiates. A module's backward pass is an expression of Gorgonia's own nodes (Mul, Transpose,
// HadamardProd, SoftMax, Tanh) for one sequence, every derivative is Gorgonia's (Backpropagate), and tensor computes the
// operations; its engine has the products and the softmax done by the Device. There is no custom operation and no
// derivative by hand. What stands outside of the graphs:
//
//   - The order of the operations and their memory (graph.go): a TapeMachine allocates every value in every run.
//   - Sums of gradients over sequences and heads, and dropout, which is its own derivative: they are the Device's.
//   - The forward pass, which decoding runs too: a few calls of the Device, held equal to the expressions by a test.
//   - The projections of LLaMA-Adapter's prompts by frozen weights: the model's linear maps, once a step.
package adapter

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fettle/internal/rng"
	"fettle/model"
)

// Set is one adapter: the deltas it puts on a model's sites, and its
// parameters. It serves one goroutine at a time.
type Set struct {
	config Config
	model  *model.Model
	deltas map[model.Site]model.Delta
	params []*Param // sorted by name
	parts  []part   // what must be told when parameters change
	frozen []*Param // saved, but not trained
	full   *model.Unfrozen
	graphs graphs
}

// part has state derived from parameters.
type part interface {
	finish()  // completes the parameters' gradients
	refresh() // recomputes what depends on the parameters
}

// New makes an adapter that changes nothing yet: LoRA's B and LLaMA-Adapter's
// gates are zero, the rest is drawn from the seed.
func New(c Config, m *model.Model, seed uint64) (*Set, error) {
	s, err := build(c, m)
	if err != nil {
		return nil, err
	}
	for _, p := range s.params {
		initialize(p, seed)
	}
	return s, s.Refresh()
}

// build makes the modules with all parameters zero.
func build(c Config, m *model.Model) (*Set, error) {
	if err := c.Check(m.Config()); err != nil {
		return nil, err
	}
	s := &Set{config: c, model: m, deltas: map[model.Site]model.Delta{}, graphs: graphs{engine: engine{dev: m.Device()}}}
	var err error
	if c.Type == LoRA {
		err = s.buildLoRA()
	} else {
		s.buildPrompts()
	}
	slices.SortFunc(s.params, func(a, b *Param) int { return strings.Compare(a.Name, b.Name) })
	return s, err
}

// initialize draws what PEFT draws: A ~ U(−1/√in, 1/√in), as kaiming_uniform
// with a = √5 gives, and prompts ~ N(0, 1). Everything else starts at zero.
func initialize(p *Param, seed uint64) {
	r := rng.Stream(seed, rng.Name(p.Name))
	switch {
	case strings.HasSuffix(p.Name, ".lora_A.weight"):
		limit := invSqrt(p.Shape[1])
		for i := range p.Data {
			p.Data[i] = float32((2*r.Uniform(i) - 1) * limit)
		}
	case strings.HasSuffix(p.Name, ".adaption_prompt"), p.Name == queryName:
		for i := range p.Data {
			p.Data[i] = float32(r.Normal(i))
		}
	}
}

// Config says what the adapter is.
func (s *Set) Config() Config { return s.config }

// Delta is what the adapter does at a site, nil for nothing: the function that
// model.Model.With wants.
func (s *Set) Delta(at model.Site) model.Delta { return s.deltas[at] }

// Params lists the parameters, sorted by name.
func (s *Set) Params() []*Param { return s.params }

// Size counts the trainable numbers.
func (s *Set) Size() int {
	n := 0
	for _, p := range s.params {
		n += len(p.Data)
	}
	return n
}

// ZeroGrad begins a step.
func (s *Set) ZeroGrad() {
	for _, p := range s.params {
		clear(p.Grad)
	}
}

// Finish completes the gradients after the last backward pass of a step.
func (s *Set) Finish() error {
	for _, p := range s.parts {
		p.finish()
	}
	if s.full != nil {
		s.full.Finish()
	}
	return nil
}

// Refresh recomputes what depends on the parameters; it must be called
// whenever they have changed.
func (s *Set) Refresh() error {
	for _, p := range s.parts {
		p.refresh()
	}
	if s.full != nil {
		return s.full.Refresh()
	}
	return nil
}

// Gates lists the gates of a LLaMA-Adapter after their activation, by layer
// from the lowest adapted one; nil for other adapters.
func (s *Set) Gates() [][]float32 {
	var all [][]float32
	for _, p := range s.parts {
		if prompt, ok := p.(*prompt); ok {
			all = append(all, slices.Clone(prompt.c))
		}
	}
	return all
}

// Full makes the weights of a model themselves the parameters. The model is
// changed: its weights become float32 arrays.
func Full(m *model.Model) (*Set, error) {
	u, err := m.Unfreeze()
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	s := &Set{config: Config{Type: FullWeights}, model: m, full: u}
	for _, w := range u.Weights() {
		s.params = append(s.params, &Param{w.Name, w.Shape, w.Data, w.Grad})
	}
	slices.SortFunc(s.params, func(a, b *Param) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

func invSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }
