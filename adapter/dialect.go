package adapter

import (
	"fmt"
	"math"
)

// dialects is implemented by a method whose parameters can be rewritten for other settings.
type dialects interface {
	// as returns the settings after rewriting for the requested ones, and whether they differ.
	as(requested Method) (Method, bool)

	// rewrite fills the parameters of to, which has those settings, from from.
	rewrite(from, to *Set) error
}

func (a LLaMAAdapter) as(requested Method) (Method, bool) {
	b, ok := requested.(LLaMAAdapter)
	if !ok || b.Gate == "" || (b.Gate == a.Gate && b.GateActivation == a.GateActivation) {
		return a, false
	}
	a.Gate, a.GateActivation = b.Gate, b.GateActivation
	return a, true
}

// rewrite converts gates. One gate for a layer becomes the same gate for every head; tanh is applied, or inverted,
// which needs gates below 1. Different gates do not become one: that is an error.
func (a LLaMAAdapter) rewrite(source, target *Set) error {
	for _, at := range source.sites() {
		from, to := source.deltas[at].(*prompt), target.deltas[at].(*prompt)
		copy(to.rows, from.rows)
		for h := range from.c {
			g := float64(from.gate[min(h, len(from.gate)-1)])
			if from.form.tanh && !to.form.tanh {
				g = math.Tanh(g)
			} else if to.form.tanh && !from.form.tanh {
				if math.Abs(g) >= 1 {
					return fmt.Errorf("gate %v of layer %d cannot be written as a tanh", g, at.Layer)
				}
				g = math.Atanh(g)
			}
			i := min(h, len(to.gate)-1)
			if h > i && to.gate[i] != float32(g) {
				return fmt.Errorf("the gates of layer %d differ from head to head; one gate cannot stand for them", at.Layer)
			}
			to.gate[i] = float32(g)
		}
	}
	return nil
}
