package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A mean is of the measured repetitions alone.
func TestMeansAreOfTheRepetitions(t *testing.T) {
	const n = 4
	least, calls := time.Millisecond, 0
	began := time.Now()
	got, err := clock(n, func() error {
		calls++
		for start := time.Now(); time.Since(start) < least; {
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, n+1, calls)
	require.GreaterOrEqual(t, got.meanWall, least)
	require.LessOrEqual(t, n*got.meanWall, time.Since(began)-least, "the one that warms up is not among them")
	require.GreaterOrEqual(t, got.wall, least)
}
