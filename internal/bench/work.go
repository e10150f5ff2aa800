package bench

import (
	"fettle/adapter"
	"fettle/model"
)

// matrices counts the parameters of a model's frozen products: of the blocks, and of the head.
func matrices(c *model.Config) (blocks, head float64) {
	for _, p := range model.Projections() {
		n, k := c.Width(p)
		blocks += float64(c.Layers) * float64(n) * float64(k)
	}
	return blocks, float64(c.Vocab) * float64(c.Hidden)
}

// lowestLayer returns the layer at which the backward pass ends.
func lowestLayer(set *adapter.Set, c *model.Config) int {
	for l := range c.Layers {
		for _, p := range model.Places() {
			if set.Delta(model.Site{Layer: l, At: p}) != nil {
				return l
			}
		}
	}
	return c.Layers
}

// work counts the operations of a step's products with frozen weights: forward, the gradients of inputs down to the
// lowest adapted layer, and recomputation.
func (s Training) work(c *model.Config, lowest, tokens, learned int) float64 {
	blocks, head := matrices(c)
	layer, n := blocks/float64(c.Layers), float64(tokens)
	into := 0.0 // q, k and v of the lowest adapted layer: nothing below needs their input's gradient
	for _, p := range []model.Place{model.QProj, model.KProj, model.VProj} {
		a, b := c.Width(p)
		into += float64(a * b)
	}
	learning := float64(c.Layers - lowest)
	work := 2*n*blocks + 4*float64(learned)*head + 2*n*(learning*layer-into)
	if s.Recompute == "all" {
		work += 2 * n * (learning - 1) * layer
	}
	return work
}
