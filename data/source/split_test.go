package source_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/source"
)

// A split takes rows of the file in their order, each once, or is refused.
func FuzzSplit(f *testing.F) {
	for _, split := range []string{
		"train", "train[:1]", "train[-10%:]+train[:3]", "train[1_0%:20%](closest)", "test", "train[",
	} {
		f.Add(split, 10)
	}
	f.Fuzz(func(t *testing.T, split string, n int) {
		n = max(0, n%1000)
		rows, err := source.SplitRows(split, n)
		if err != nil {
			require.ErrorContains(t, err, "split is ")
			return
		}
		require.NotEmpty(t, rows)
		require.True(t, slices.IsSorted(rows))
		require.Len(t, slices.Compact(slices.Clone(rows)), len(rows))
		require.True(t, rows[0] >= 0 && rows[len(rows)-1] < n)
	})
}
