package bench

import (
	"fettle/adapter"
	"fettle/model"
)

// matrices counts the parameters of a model's frozen products: of the blocks, and of the head.
func matrices(c *model.Config) (blocks, head float64) {
	return float64(c.Layers) * parameters(c, model.Projections()...), float64(c.Vocab) * float64(c.Hidden)
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

// parameters counts the parameters of some of a layer's products.
func parameters(c *model.Config, places ...model.Place) (sum float64) {
	for _, p := range places {
		n, k := c.Width(p)
		sum += float64(n) * float64(k)
	}
	return sum
}

// spared counts the parameters of the products that the last layer does not do for tokens whose output nothing reads:
// all but those of keys and values.
func spared(c *model.Config) float64 {
	blocks, _ := matrices(c)
	return blocks/float64(c.Layers) - parameters(c, model.KProj, model.VProj)
}

// work counts the operations of a step's products with frozen weights: forward, the gradients of inputs down to the
// lowest adapted layer, and recomputation.
func (s Training) work(c *model.Config, lowest, tokens, learned int) float64 {
	blocks, head := matrices(c)
	layer, n, rest := blocks/float64(c.Layers), float64(tokens), float64(max(0, tokens-learned))
	less, learning := rest*spared(c), float64(c.Layers-lowest)
	work := 2*(n*blocks-less) + 4*float64(learned)*head
	if learning > 0 {
		into := n * parameters(c, model.QProj, model.KProj, model.VProj) // no layer below needs their input's gradient
		if lowest == c.Layers-1 {
			into -= rest * parameters(c, model.QProj)
		}
		work += 2 * (n*learning*layer - less - into)
	}
	if s.Recompute == "all" {
		work += 2 * n * (learning - 1) * layer
	}
	return work
}
