package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
)

// TestKeptIsTheMemoryOfPreparedMatrices counts the arrays that Prepare makes.
func TestKeptIsTheMemoryOfPreparedMatrices(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, mode := range compute.Modes() {
		dev, err := New(Options{Compute: mode})
		require.NoError(t, err)
		for _, kind := range kinds() {
			for _, s := range [][2]int{{64, 96}, {70, 1101}, {600, 900}} {
				w := devicetest.Drawn(3, s[0], s[1], kind)
				n, k, bytes := w.N, w.K, 0
				require.NoError(t, dev.Prepare(w))
				switch p := w.Packed.(type) {
				case *blockPanels:
					bytes = 4 * len(p.data)
				case *panels:
					bytes = 4 * len(p.data)
				case *bytePanels:
					bytes = 4 * (len(p.data) + len(p.scale) + len(p.byRow) + len(p.byColumn) + len(p.one))
				case *nf4Panels:
					bytes = 4*(len(p.data)+len(p.of.Scale)) + len(p.of.Magnitude)
				}
				require.InEpsilon(t, bytes, dev.Kept(n, k, kind), 0.04, fmt.Sprint(mode, kind, s))
			}
		}
	}
}

// TestScratchBoundsThePool runs the calls of a workload and counts the memory that the pool holds then.
func TestScratchBoundsThePool(t *testing.T) {
	const n, d, f, v = 700, 256, 640, 5000
	dev, err := New(Options{Threads: 1, Compute: compute.ModeF32})
	require.NoError(t, err)
	a := compute.Attention{Heads: 4, KVHeads: 2, HeadDim: 64, Scale: 0.1}
	w := compute.Workload{
		Inputs:    []compute.Size{{Rows: n, Width: d}, {Rows: n, Width: f}},
		Attention: a, Longest: n, Logits: compute.Size{Rows: n, Width: v},
	}
	matrix := func(n, k int) *compute.Matrix {
		m := devicetest.Matrix(n, k, compute.F32, devicetest.Normal(3, n*k))
		require.NoError(t, dev.Prepare(m))
		return m
	}
	x, y := devicetest.Normal(4, n*f), make([]float32, n*f)
	up, head := matrix(f, d), matrix(v, d)
	dev.MatMul(y, x, up, n)
	dev.MatMulT(x, y, up, n)
	loss, target, scale := make([]float64, n), make([]int32, n), devicetest.Normal(5, n)
	dev.CrossEntropy(loss, y, x, head, target, scale, n)
	segs := []compute.Segment{{Len: n}}
	q, k := devicetest.Normal(6, n*d), devicetest.Normal(7, n*d/2)
	dev.Attend(y, q, k, k, segs, a)
	dev.AttendBackward(make([]float32, n*d), make([]float32, n*d), make([]float32, n*d), q, y, q, k, k, segs, a)

	// held counts the pool's memory, of which the logits use no more than the rows there are.
	held := func() (sum int64) {
		for _, list := range dev.(*device).free.free {
			for _, s := range list {
				if cap(s) >= lossRows(v)*v {
					sum += 4 * n * v
				} else {
					sum += 4 * int64(cap(s))
				}
			}
		}
		return sum
	}
	// Half of what the pool holds may be the rounding of capacities to powers of two.
	require.Less(t, held(), 2*dev.Scratch(w)+8<<20)
	require.Greater(t, 2*held(), dev.Scratch(w))

	past := 3 * n // a cache that grows in three steps
	cached := dev.NewCache(a)
	for have := 0; have <= past; have += n {
		cached.Append(k, k, have, n)
		dev.AttendCached(y, q, cached, n, a)
	}
	w.Past = past
	require.Less(t, held(), 2*dev.Scratch(w)+8<<20)
	require.Greater(t, 2*held(), dev.Scratch(w))
	w.Past = 0

	for _, rows := range []int{1, 30, 600} {
		c := newLogits(dev.(*device), []compute.Matrix{*head}, target[:rows], true)
		require.GreaterOrEqual(t, cap(c.z), lossRows(v)*v, "logits of any number of rows share a buffer")
	}

	parts := dev.Scratch(compute.Workload{Inputs: w.Inputs}) + dev.Scratch(compute.Workload{Logits: w.Logits})
	require.Equal(t, dev.Scratch(w), parts+dev.Scratch(compute.Workload{Attention: a, Longest: n}))
}
