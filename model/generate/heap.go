package generate

// candidate holds a token with a weight p that is proportional to its probability.
type candidate struct {
	token int32
	p     float64
}

// before orders candidates by decreasing weight, then by token.
func (c candidate) before(d candidate) bool {
	return c.p > d.p || c.p == d.p && c.token < d.token
}

// heaviest returns candidates in order of decreasing weight, up to the first for which enough returns true, given their
// number and the sum of their weights. It reorders all. A heap saves sorting more than is returned.
func heaviest(all []candidate, enough func(n int, weight float64) bool) []candidate {
	for i := len(all)/2 - 1; i >= 0; i-- {
		sink(all, i)
	}
	var taken []candidate
	weight := 0.0
	for len(all) > 0 {
		taken = append(taken, all[0])
		if weight += all[0].p; enough(len(taken), weight) {
			break
		}
		all[0] = all[len(all)-1]
		all = all[:len(all)-1]
		sink(all, 0)
	}
	return taken
}

// sink moves element i down the heap until neither of its children comes before it.
func sink(heap []candidate, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1].before(heap[child]) {
			child++
		}
		if !heap[child].before(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
