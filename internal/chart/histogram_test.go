package chart

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistogramCountsEveryLength(t *testing.T) {
	for _, lengths := range [][]int{{5}, {5, 5}, {1, 2}, {1, 500}, {60, 61, 62, 90, 95}} {
		counted := 0
		classes := Histogram(lengths)
		for i, c := range classes {
			counted += c.Count
			require.LessOrEqual(t, c.From, c.To)
			if i > 0 {
				require.Equal(t, classes[i-1].To+1, c.From)
			}
		}
		require.Equal(t, len(lengths), counted)
		require.LessOrEqual(t, len(classes), 12)
		width := classes[0].To - classes[0].From + 1
		require.Zero(t, classes[0].From%width, "classes begin at round values")
		require.Contains(t, []int{1, 2, 5, 10, 20, 50, 100}, width)
		require.LessOrEqual(t, classes[0].From, lengths[0])
		require.Positive(t, classes[0].Count)
		require.Positive(t, classes[len(classes)-1].Count)
	}
}
