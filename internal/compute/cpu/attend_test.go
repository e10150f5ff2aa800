package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// TestPartsOfHeadsHaveTheBitsOfWholeOnes: what threads share of a row's attention does not show.
func TestPartsOfHeadsHaveTheBitsOfWholeOnes(t *testing.T) {
	for _, a := range []compute.Attention{
		{Heads: 9, KVHeads: 3, HeadDim: 64, Scale: 0.125},
		{Heads: 4, KVHeads: 1, HeadDim: 80, Scale: 0.1, Window: 300},
		{Heads: 1, KVHeads: 1, HeadDim: 128, Scale: 0.1, Cap: 5},
		{Heads: 10, KVHeads: 5, HeadDim: 48, Scale: 0.15, Window: 1000},
	} {
		const past = 700
		qw, kw := a.Heads*a.HeadDim, a.KVHeads*a.HeadDim
		k, v := devicetest.Normal(1, (past+2)*kw), devicetest.Normal(2, (past+2)*kw)
		q := devicetest.Normal(3, 2*qw)
		var want []float32
		for _, threads := range []int{1, 2, 3} {
			dev, err := New(Options{Compute: compute.ModeF32, Threads: threads})
			require.NoError(t, err)
			d, h := dev.(*device), newHeads(a)
			require.Equal(t, threads > 1 && a.KVHeads%threads != 0, d.partsHeads(&h, past))
			cache, out := dev.NewCache(a), make([]float32, 2*qw)
			cache.Append(k, v, 0, past)
			for i := range 2 {
				cache.Append(k[(past+i)*kw:], v[(past+i)*kw:], past+i, 1)
				dev.AttendCached(out[i*qw:], q[i*qw:], cache, 1, a)
			}
			if want == nil {
				want = out
			}
			require.Equal(t, want, out, fmt.Sprintf("%+v, %d threads", a, threads))
		}
	}
}
