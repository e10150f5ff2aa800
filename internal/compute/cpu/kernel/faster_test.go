package kernel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A neighbour takes the processor away half of the time: the gain is that of undisturbed runs.
func TestTheGainIsThatOfUndisturbedRuns(t *testing.T) {
	var clock time.Time
	calls := 0
	lasting := func(d time.Duration) func(*Tile) {
		return func(*Tile) {
			if clock = clock.Add(d); calls/40%2 == 1 {
				clock = clock.Add(7 * time.Millisecond)
			}
			calls++
		}
	}
	got := gain(lasting(3*time.Microsecond), lasting(4*time.Microsecond), 2, func() time.Time { return clock })
	require.InDelta(t, 2*4./3, got, 1e-9, "pairs do twice the work of a step")
}
