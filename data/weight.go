package data

import (
	"math"
	"slices"
)

// weigh gives every example as often as the weight says: 2.5 is all of them
// twice, and half of them, drawn by the seed, once more. The order stays.
func weigh(examples []Example, weight float64, seed uint64) []Example {
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
