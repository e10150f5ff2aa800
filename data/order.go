package data

import (
	"slices"

	"fettle/internal/rng"
)

// Order returns the order of n examples in an epoch: a permutation that depends on
// (n, seed, epoch) alone, so that a run can be resumed anywhere without stored state.
func Order(n int, seed uint64, epoch int) []int {
	keys := make([]uint64, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
		keys[i] = next(next(next(seed)+uint64(epoch)) + uint64(i))
	}
	slices.SortFunc(order, func(a, b int) int { // next is a bijection: keys differ
		if keys[a] < keys[b] {
			return -1
		}
		return 1
	})
	return order
}

// next returns the output of SplitMix64 for a state, a bijection.
func next(x uint64) uint64 { return rng.Mix(x + 0x9e3779b97f4a7c15) }

// InOrder returns 0 … n−1.
func InOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
