package plan

import (
	"slices"

	"fettle/adapter"
	"fettle/model"
	"fettle/train"
)

// Trainables counts the numbers that a run trains.
func Trainables(c train.Config, m *model.Config) int {
	switch c.Type {
	case adapter.FullWeights:
		return m.Parameters()
	case adapter.LLaMAAdapter:
		return c.PromptLayers * (c.PromptLen*m.Hidden + m.Heads)
	}
	n := 0
	for _, p := range loraPlaces(c) {
		out, in := m.Width(p)
		n += m.Layers * c.LoRARank * (in + out)
	}
	return n
}

// loraPlaces are the projections with a module.
func loraPlaces(c train.Config) []model.Place {
	var places []model.Place
	all := len(c.LoRATargets) == 1 && (c.LoRATargets[0] == "all-linear" || c.LoRATargets[0] == "all")
	for _, p := range model.Projections() {
		if all || slices.Contains(c.LoRATargets, p.String()) {
			places = append(places, p)
		}
	}
	return places
}

// lowest returns the lowest layer with something trained.
func lowest(c train.Config, m *model.Config) int {
	if c.Type == adapter.LLaMAAdapter {
		return m.Layers - c.PromptLayers
	}
	return 0
}

// modules returns the bytes of an adapter's graphs for batches of n rows.
func modules(c train.Config, m *model.Config, rows int) (sum int64) {
	const float = 4
	n := int64(rows)
	switch c.Type {
	case adapter.LoRA:
		widths := map[[2]int]bool{}
		for _, place := range loraPlaces(c) {
			w, in := m.Width(place)
			widths[[2]int{in, w}] = true
			each := n * int64(c.LoRARank)
			if c.LoRADropout > 0 {
				each += 2 * n * int64(in) // it grows with the sequences, and leaves what was too small
			}
			sum += float * int64(m.Layers) * each
		}
		for w := range widths {
			sum += float * n * int64(w[0]+2*c.LoRARank)
		}
	case adapter.LLaMAAdapter:
		sum = float * n * int64(m.Heads*4*c.PromptLen+2*m.Heads*m.HeadDim)
	}
	return sum
}
