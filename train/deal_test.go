package train

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
)

// heaviest is the weight of the heaviest run.
func heaviest(before, cuts []int) int {
	most := 0
	for r := range len(cuts) - 1 {
		most = max(most, before[cuts[r+1]]-before[cuts[r]])
	}
	return most
}

// best tries all ways to cut.
func best(before []int, from, n int) int {
	last := len(before) - 1
	if n == 1 {
		return before[last] - before[from]
	}
	least := before[last] - before[from]
	for to := from; to <= last; to++ {
		least = min(least, max(before[to]-before[from], best(before, to, n-1)))
	}
	return least
}

func TestNoDealIsFairer(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		before := []int{0}
		for range rng.IntN(9) {
			before = append(before, before[len(before)-1]+1+rng.IntN(50))
		}
		for n := 1; n <= 4; n++ {
			cuts := cut(before, data.InOrder(len(before)), n)
			require.Len(t, cuts, n+1)
			require.Zero(t, cuts[0])
			require.Equal(t, len(before)-1, cuts[n])
			require.IsNonDecreasing(t, cuts)
			require.Equal(t, best(before, 0, n), heaviest(before, cuts), "%v cut at %v", before, cuts)
		}
	}
}

func TestEqualExamplesAreDealtEvenly(t *testing.T) {
	c := Defaults()
	require.Equal(t, []int{0, 4, 8, 12, 16}, c.deal(alike(16, 10), 4).examples)
	require.Equal(t, []int{0, 2, 4, 6, 7}, c.deal(alike(7, 10), 4).examples)
	d := c.deal(alike(2, 10), 4)
	for r := range 4 {
		require.LessOrEqual(t, len(d.of(r, alike(2, 10))), 1, "no rank has two")
	}
	c.SharePrefix = "true"
	for _, at := range c.deal(alike(16, 10), 3).examples {
		require.Zero(t, at%c.BatchSize, "whole micro-batches")
	}
}
