package data

import (
	"math"
	"slices"
)

// repeat repeats examples: a weight of 2.5 returns all of them twice and then half of
// them, selected by the seed, once more, each time in their order.
func repeat(examples []Example, weight float64, seed uint64) []Example {
	if weight == 0 || weight == 1 {
		return examples
	}
	whole, part := math.Modf(weight)
	more := Order(len(examples), seed, 0)[:int(math.Round(part*float64(len(examples))))]
	slices.Sort(more)
	var out []Example
	for range int(whole) {
		out = append(out, examples...)
	}
	for _, i := range more {
		out = append(out, examples[i])
	}
	return out
}
