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
		require.Equal(t, []int{lengths[0], lengths[len(lengths)-1]}, []int{classes[0].From, classes[len(classes)-1].To})
	}
}
