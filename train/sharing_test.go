package train

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSharingReplaysTheDeals(t *testing.T) {
	c := Defaults()
	c.BatchSize, c.Accumulation, c.Epochs, c.Shuffle = 4, 2, 1, false
	s := NewSharing(c, alike(16, 10), 4)
	require.Equal(t, Sharing{Ranks: 4, Busiest: 0.25, Parts: 1, MostPart: 4}, s, "two sequences are one node")
	require.InDelta(t, 2*4*1000*0.75, s.Sent(1000), 1e-9, "as many bytes as a ring sends")
	s = NewSharing(c, alike(16, 10), 3)
	require.InDelta(t, 3./8, s.Busiest, 1e-9, "3, 3 and 2 of 8")
	require.Equal(t, 1, s.Sums, "two sequences and one")
	long := alike(16, 10)
	long[0] = alike(1, 70)[0]
	require.InDelta(t, 90./220, NewSharing(c, long, 4).Busiest, 1e-9, "one is as long as the seven others of its step")
	require.Equal(t, int64(4*(2*1000+1000*5/3)), NewSharing(c, alike(16, 10), 3).Buffers(1000))
}
