package data

import "slices"

// Order is the order of n examples in an epoch: a permutation that depends on
// (n, seed, epoch) alone, so that a run can go on anywhere without a state.
func Order(n int, seed uint64, epoch int) []int {
	keys := make([]uint64, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
		keys[i] = mix(mix(mix(seed)+uint64(epoch)) + uint64(i))
	}
	slices.SortFunc(order, func(a, b int) int { // the mixer is a bijection: keys differ
		if keys[a] < keys[b] {
			return -1
		}
		return 1
	})
	return order
}

// mix is the finaliser of SplitMix64, a bijection.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Split takes examples out for evaluation: size of them, or below 1 that
// fraction. Which ones depends on their number and the seed. Examples of one
// row, split or repeated by a weight, stay on one side. Both parts keep the
// order of the files.
func Split(examples []Example, size float64, seed uint64) (training, evaluation []Example) {
	if size < 1 {
		size *= float64(len(examples))
	}
	want := min(int(size), max(len(examples)-1, 0))
	held, sources, count := make([]bool, len(examples)), map[string][]int{}, 0
	for i, e := range examples {
		if e.Source != "" {
			sources[e.Source] = append(sources[e.Source], i)
		}
	}
	for _, i := range Order(len(examples), seed, -1) {
		if held[i] || count >= want {
			continue
		}
		together := []int{i}
		if s := examples[i].Source; s != "" {
			together = sources[s]
		}
		if count += len(together); count >= len(examples) { // something must be left to train on
			count -= len(together)
			continue
		}
		for _, k := range together {
			held[k] = true
		}
	}
	for i, e := range examples {
		if held[i] {
			evaluation = append(evaluation, e)
		} else {
			training = append(training, e)
		}
	}
	return training, evaluation
}

// InOrder is 0 … n−1.
func InOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
