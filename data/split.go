package data

import "fmt"

// FewerHeld says what to write for val_size instead of a value that holds out held of n examples.
func FewerHeld(held, n int) string {
	switch tenth := max(1, n/10); {
	case n == 1:
		return "set it to 0: one example cannot be divided"
	case tenth < held && n < 10:
		return fmt.Sprintf("set it to %d", tenth)
	case tenth < held:
		return fmt.Sprintf("set it to %d, a tenth, or fewer", tenth)
	}
	return fmt.Sprintf("set it to 0: %d examples are too few to hold out any", n)
}

// Split holds out examples for evaluation: size of them, or that fraction if size is
// below 1. Which ones depends on their number and the seed. Examples of one row, split
// or repeated by a weight, stay together. Both parts keep the order of the files.
//
// A size of all examples or more is refused. Where the rows have so many examples
// each that the evaluation would get all, it gets fewer: training never gets none.
func Split(examples []Example, size float64, seed uint64) (training, evaluation []Example, err error) {
	n := len(examples)
	if size >= 1 && size >= float64(n) {
		return nil, nil, fmt.Errorf("val_size is %v, but there are %d examples: none is left for training; %s", size, n,
			FewerHeld(n, n))
	}
	if size < 1 {
		size *= float64(n)
	}
	want := int(size)
	held, sources, count := make([]bool, n), map[string][]int{}, 0
	for i, e := range examples {
		if e.Source != "" {
			sources[e.Source] = append(sources[e.Source], i)
		}
	}
	for _, i := range Order(n, seed, -1) {
		if held[i] || count >= want {
			continue
		}
		together := []int{i}
		if s := examples[i].Source; s != "" {
			together = sources[s]
		}
		if count += len(together); count >= n { // training needs an example
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
	return training, evaluation, nil
}
