package cpu

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A rate beside others is one for whose whole time they were at work, and they end with it.
func TestAProbeIsTimedBesideOthers(t *testing.T) {
	var others [3]atomic.Int64
	p := probe{}
	for i := range others {
		p.beside = append(p.beside, func() { others[i].Add(1) })
	}
	p.run = func() {
		var before [len(others)]int64
		for i := range others {
			before[i] = others[i].Load()
		}
		for i := range others {
			works := func() bool { return others[i].Load() > before[i] }
			require.Eventually(t, works, 10*time.Second, time.Millisecond, "thread %d", i)
		}
	}
	p.timed()
	var after [len(others)]int64
	for i := range others {
		after[i] = others[i].Load()
	}
	for i := range others {
		require.Equal(t, after[i], others[i].Load(), "thread %d", i)
	}
}
