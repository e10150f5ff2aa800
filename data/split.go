package data

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
