package adapter

import (
	"fmt"
	"math"

	"fettle/model"
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

// layer returns the prompt of a layer (K, D) and its gates (H), or (1), as windows into the parameters.
func (a LLaMAAdapter) layer(c *model.Config, params Params, layer int) (rows, gates *Param) {
	if a.Gate != PerHead {
		return params[promptName(layer)], params[scalarName(layer)]
	}
	query, size := params[queryName], a.Len*c.Hidden
	at := (layer - c.Layers + a.Layers) * size
	return &Param{Data: query.Data[at:][:size], Grad: query.Grad[at:][:size]}, params[gateName(layer)]
}

// rewrite converts gates. One gate for a layer becomes the same gate for every head; tanh is applied, or inverted,
// which needs gates below 1. Different gates do not become one: that is an error.
func (a LLaMAAdapter) rewrite(source, target *Set) error {
	from, c := source.method.(LLaMAAdapter), source.config
	params, rewritten := source.byName(), target.byName()
	for layer := c.Layers - a.Layers; layer < c.Layers; layer++ {
		rows, gates := from.layer(c, params, layer)
		to, as := a.layer(c, rewritten, layer)
		copy(to.Data, rows.Data)
		for h := range c.Heads {
			g := float64(gates.Data[min(h, len(gates.Data)-1)])
			if from.GateActivation == Tanh && a.GateActivation != Tanh {
				g = math.Tanh(g)
			} else if a.GateActivation == Tanh && from.GateActivation != Tanh {
				if math.Abs(g) >= 1 {
					return fmt.Errorf("gate %v of layer %d cannot be written as a tanh", g, layer)
				}
				g = math.Atanh(g)
			}
			i := min(h, len(as.Data)-1)
			if h > i && as.Data[i] != float32(g) {
				return fmt.Errorf("the gates of layer %d differ from head to head; one gate cannot stand for them", layer)
			}
			as.Data[i] = float32(g)
		}
	}
	return nil
}

// scaleGates multiplies the gates of a LLaMA-Adapter, after their activation, by x.
func (s *Set) scaleGates(x float64) error {
	a, ok := s.method.(LLaMAAdapter)
	if !ok || x == 1 {
		return nil
	}
	params := s.byName()
	for layer := s.config.Layers - a.Layers; layer < s.config.Layers; layer++ {
		_, gates := a.layer(s.config, params, layer)
		for i, g := range gates.Data {
			scaled := x * float64(g)
			if a.GateActivation == Tanh {
				if scaled = x * math.Tanh(float64(g)); math.Abs(scaled) >= 1 {
					return fmt.Errorf("scale %v makes a gate of layer %d %v, which cannot be written as a tanh", x, layer, scaled)
				}
				scaled = math.Atanh(scaled)
			}
			gates.Data[i] = float32(scaled)
		}
	}
	return nil
}
