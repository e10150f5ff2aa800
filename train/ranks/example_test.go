package ranks_test

import (
	"fmt"
	"sync"
	"time"

	"fettle/train/ranks"
)

// Two ranks add up the gradients of three sequences: the first has two of them, which it has added up, and the second
// the third.
func ExampleNew() {
	cuts := []int{0, 2, 3}
	parts := [][][]float32{{{1, 2}}, {{10, 20}}}
	sums := make([][]float32, 2)
	var running sync.WaitGroup
	for i, r := range ranks.New(2, time.Minute) {
		running.Go(func() {
			sums[i] = make([]float32, 2)
			if err := r.Sum(cuts, [][][]float32{parts[i]}, [][]float32{sums[i]}); err != nil {
				panic(err)
			}
		})
	}
	running.Wait()
	fmt.Println(sums[0], sums[1])
	// Output: [11 22] [11 22]
}
