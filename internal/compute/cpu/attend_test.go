package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
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

// TestPartsOfGradientsHaveTheBitsOfWholeOnes: nor does what they share of gradients, at any level.
func TestPartsOfGradientsHaveTheBitsOfWholeOnes(t *testing.T) {
	for _, a := range []compute.Attention{
		{Heads: 9, KVHeads: 3, HeadDim: 64, Scale: 0.125},
		{Heads: 4, KVHeads: 1, HeadDim: 80, Scale: 0.1, Window: 45},
		{Heads: 1, KVHeads: 1, HeadDim: 32, Scale: 0.1, Cap: 5},
		{Heads: 10, KVHeads: 5, HeadDim: 48, Scale: 0.15, Window: 7},
	} {
		segs := []compute.Segment{
			{Row: 0, Len: 40, Key: 0},
			{Row: 40, Len: 101, Key: 40, Prefix: 3, PrefixLen: 30},
			{Row: 141, Len: 19, Key: 141, Prefix: 0, PrefixLen: 1},
		}
		const n = 160
		qw, kw := n*a.Heads*a.HeadDim, n*a.KVHeads*a.HeadDim
		q, dout := devicetest.Normal(1, qw), devicetest.Normal(4, qw)
		k, v := devicetest.Normal(2, kw), devicetest.Normal(3, kw)
		for _, level := range kernel.Levels() {
			if level.AMX != nil {
				continue // tile registers share by heads alone
			}
			var want [3][]float32
			for _, threads := range []int{1, 2, 3, 7} {
				dev, err := New(Options{Compute: compute.ModeF32, Threads: threads, Level: level.Name})
				require.NoError(t, err)
				h := newHeads(a)
				require.Equal(t, 5*a.KVHeads < 4*threads*((a.KVHeads+threads-1)/threads), dev.(*device).partsBack(&h))
				dirty := dev.(*device).free.get(1 << 16) // what parts leave untouched shows
				for i := range dirty {
					dirty[i] = 1e9
				}
				dev.(*device).free.put(dirty)
				out := make([]float32, qw)
				got := [3][]float32{devicetest.Normal(5, qw), devicetest.Normal(6, kw), devicetest.Normal(7, kw)}
				dev.Attend(out, q, k, v, segs, a)
				dev.AttendBackward(got[0], got[1], got[2], dout, out, q, k, v, segs, a)
				if threads == 1 {
					want = got
				}
				require.Equal(t, want, got, "%+v, %s, %d threads", a, level.Name, threads)
			}
		}
	}
}
