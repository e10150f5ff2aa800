package train

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
)

// alike returns n examples of the same length, half of it learned.
func alike(n, length int) []data.Example {
	all := make([]data.Example, n)
	for i := range all {
		all[i] = data.Example{Tokens: make([]int32, length), Labels: make([]int32, length)}
		for t := range length / 2 {
			all[i].Labels[t] = data.Ignore
		}
	}
	return all
}

func TestWorkloadReplaysTheRun(t *testing.T) {
	c := Defaults()
	c.BatchSize, c.Accumulation, c.Epochs, c.EvalSteps = 2, 2, 2, 3
	all := append(alike(8, 10), alike(2, 30)...)
	l := NewWorkload(c, all, alike(3, 50))
	require.Equal(t, 6, l.Steps)
	require.Equal(t, 3, l.Evals, "before, after an epoch, at the end")
	require.Equal(t, 150, l.Held)
	require.Equal(t, 100, l.Tokens, "a micro-batch of the evaluation")
	require.Equal(t, 2*140, l.All)
	require.Equal(t, 4, l.Most)
	require.Equal(t, 1, l.Sums, "three sequences are two sums, of which one is the gradient; the fourth joins them")
	c.MaxSteps = 1
	require.Equal(t, 1, NewWorkload(c, all, nil).Steps)
}
