package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
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
					bytes = 4*(len(p.data)+len(p.scale)) + len(p.magnitude)
				}
				require.InEpsilon(t, bytes, dev.Kept(n, k, kind), 0.04, fmt.Sprint(mode, kind, s))
			}
		}
	}
}

// held counts the bytes of a pool that are resident: its buffers up to the last word that is written.
func (p *pool) held() (sum int64) {
	for _, list := range p.free {
		for _, s := range list {
			s = s[:cap(s)]
			used := len(s)
			for used > 0 && s[used-1] == 0 {
				used--
			}
			sum += kernel.Resident(len(s), used)
		}
	}
	return sum
}

// TestScratchIsTheMemoryOfThePool runs the calls of a workload and counts the memory that the pool holds then.
func TestScratchIsTheMemoryOfThePool(t *testing.T) {
	const n, d, f, v = 700, 256, 1280, 5000
	a := compute.Attention{Heads: 4, KVHeads: 2, HeadDim: 64, Scale: 0.1}
	x, y := devicetest.Normal(4, n*f), make([]float32, n*f)
	loss, target, scale := make([]float64, n), make([]int32, n), devicetest.Normal(5, n)
	segs := []compute.Segment{{Len: n}}
	q, k := devicetest.Normal(6, n*d), devicetest.Normal(7, n*d/2)
	for _, level := range Levels() {
		if level == "plain" && len(Levels()) > 1 {
			continue // slow
		}
		for _, c := range []struct {
			mode string
			kind compute.DType
		}{
			{compute.ModeF32, compute.F32}, {compute.ModeBF16, compute.BF16}, {compute.ModeBF16, compute.NF4},
			{compute.ModeInt8, compute.Int8}, {compute.ModeInt8, compute.Q8_0}, {compute.ModeInt8, compute.NF4},
		} {
			if testing.Short() && c.mode == compute.ModeInt8 && c.kind == compute.NF4 {
				continue // slow where there are no kernels for it
			}
			for threads := 1; threads <= 2; threads++ {
				name := fmt.Sprint(level, c.mode, c.kind, threads)
				dev, err := New(Options{Threads: threads, Compute: c.mode, Level: level})
				require.NoError(t, err)
				w := compute.Workload{
					Inputs: []compute.Size{{Rows: n, Width: d}, {Rows: n, Width: f}}, Type: c.kind,
					Attention: a, Longest: n, Logits: compute.Size{Rows: n, Width: v},
				}
				matrix := func(n, k int, kind compute.DType) *compute.Matrix {
					m := devicetest.Drawn(3, n, k, kind)
					require.NoError(t, dev.Prepare(m))
					return m
				}
				kind := c.kind // of the head, which is not quantized
				if _, blocks := kind.Block(); !blocks {
					kind = compute.BF16
				}
				up, down, head := matrix(f, d, c.kind), matrix(d, f, c.kind), matrix(v, d, kind)
				d := dev.(*device)
				d.free = &pool{} // without what laying out took
				dev.MatMul(y, x, up, n)
				dev.MatMulT(x, y, up, n)
				dev.MatMul(x, y, down, n)
				dev.MatMulT(y, x, down, n)
				dev.CrossEntropy(loss, y, x, head, target, scale, n)
				dev.Gemm(true, false, head.K, f, n, 1, x, head.K, y, f, 0, make([]float32, head.K*f), f)
				dev.Attend(y, q, k, k, segs, a)
				dev.AttendBackward(make([]float32, len(q)), make([]float32, len(q)), make([]float32, len(q)), q, y, q, k, k,
					segs, a)
				near := func(tolerance float64, name string) {
					held, planned := float64(d.free.held()), float64(dev.Scratch(w))
					require.LessOrEqual(t, held, planned*(1+tolerance)+1<<20, name)
					if threads == 1 { // a second one may come late
						require.GreaterOrEqual(t, held, planned*(1-tolerance)-1<<20, name)
					}
				}
				near(0.08, name)

				past := 3 * n // a cache that grows in three steps
				cached := dev.NewCache(a)
				for have := 0; have <= past; have += n {
					cached.Append(k, k, have, n)
					dev.AttendCached(y, q, cached, n, a)
				}
				w.Past = past
				near(0.15, name+", cached")
			}
		}
	}
}

func TestScratchOfPartsIsNoLessThanOfTheWhole(t *testing.T) {
	dev, err := New(Options{Threads: 1})
	require.NoError(t, err)
	inputs := []compute.Size{{Rows: 700, Width: 256}, {Rows: 700, Width: 640}}
	a := compute.Attention{Heads: 4, KVHeads: 2, HeadDim: 64}
	all := compute.Workload{Inputs: inputs, Attention: a, Longest: 700, Logits: compute.Size{Rows: 700, Width: 5000}}
	parts := dev.Scratch(compute.Workload{Inputs: inputs}) +
		dev.Scratch(compute.Workload{Inputs: inputs[:1], Logits: all.Logits}) +
		dev.Scratch(compute.Workload{Inputs: inputs[:1], Attention: a, Longest: 700})
	require.LessOrEqual(t, dev.Scratch(all), parts)
	require.Greater(t, 2*dev.Scratch(all), parts)
}

func TestLogitsOfAnyNumberOfRowsShareABuffer(t *testing.T) {
	const v, d = 5000, 64
	dev, err := New(Options{Threads: 1})
	require.NoError(t, err)
	head := devicetest.Matrix(v, d, compute.F32, devicetest.Normal(3, v*d))
	for _, rows := range []int{1, 30, 600} {
		c := newLogits(dev.(*device), []compute.Matrix{*head}, make([]int32, rows), true)
		require.GreaterOrEqual(t, cap(c.z), lossRows(v)*v)
	}
}
