package train

import (
	"slices"
	"sort"

	"fettle/data"
)

// deal is how the examples of a step are shared among ranks: rank r has examples[r] … examples[r+1]-1, whose sequences
// in the step are sequences[r] … sequences[r+1]-1.
type deal struct {
	examples, sequences []int
	tokens              []int // of each rank
}

// deal shares examples so that the rank with the most tokens has as few as possible. Where sequences share prefixes,
// micro-batches stay whole.
func (c Config) deal(examples []data.Example, size int) deal {
	unit := 1
	if c.SharePrefix == "true" {
		unit = c.BatchSize
	}
	rows, sequences := []int{0}, []int{0} // before each unit
	for some := range slices.Chunk(examples, unit) {
		n, _, segments := c.rows(some)
		rows, sequences = append(rows, rows[len(rows)-1]+n), append(sequences, sequences[len(sequences)-1]+segments)
	}
	var d deal
	cuts := cut(rows, sequences, size)
	for r := range size {
		d.tokens = append(d.tokens, rows[cuts[r+1]]-rows[cuts[r]])
	}
	for _, at := range cuts {
		d.examples = append(d.examples, min(at*unit, len(examples)))
		d.sequences = append(d.sequences, sequences[at])
	}
	return d
}

// of returns the examples of a rank.
func (d deal) of(rank int, examples []data.Example) []data.Example {
	return examples[d.examples[rank]:d.examples[rank+1]]
}

// cut divides a row of weights into n runs of neighbours, the heaviest of them as light as can be. before holds the
// sums of the weights before each, and of all; places the numbers of sequences, of which cuts prefer high powers of
// two: the sums of the runs are then few nodes of the tree.
func cut(before, places []int, n int) []int {
	last := len(before) - 1
	reach := func(from, most int) int { // the furthest cut behind a cut
		return sort.Search(last-from, func(i int) bool { return before[from+i+1]-before[from] > most }) + from
	}
	most := sort.Search(before[last], func(most int) bool {
		at := 0
		for range n {
			at = reach(at, most)
		}
		return at == last
	})
	first := make([]int, n+1) // of the cuts from which the rest fits
	first[n] = last
	for r := n - 1; r > 0; r-- {
		end := first[r+1]
		first[r] = sort.Search(end, func(i int) bool { return before[end]-before[i] <= most })
	}
	cuts := make([]int, n+1)
	for r := 1; r < n; r++ {
		cuts[r] = max(first[r], cuts[r-1])
		for at := cuts[r]; at <= reach(cuts[r-1], most); at++ {
			if level(places[at]) > level(places[cuts[r]]) {
				cuts[r] = at
			}
		}
	}
	cuts[n] = last
	return cuts
}

// level returns the highest power of two that divides a place; 0 for the first, before which there is no sequence.
func level(place int) int { return place & -place }
