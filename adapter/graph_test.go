package adapter

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute/ref"
)

// gradientsOf derives a form and runs it on noise.
func gradientsOf(t testing.TB, f form, n int, sizes ...int) func() [][]float32 {
	rng := rand.New(rand.NewPCG(5, 5))
	graphs := newGraphs(ref.New())
	var values [][]float32
	for _, size := range sizes {
		values = append(values, noise(rng, size))
	}
	return func() [][]float32 {
		g, err := graphs.of(f, n, true)
		require.NoError(t, err)
		grads, err := g.run(values...)
		require.NoError(t, err)
		return grads
	}
}

// Vectors and single numbers are matrices too: gorgonia treats some of them apart.
func TestLoRAOfEveryShapeIsDerived(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		for _, r := range []int{1, 2, 3} {
			for _, in := range []int{1, 2, 4} {
				for _, out := range []int{1, 2, 3} {
					f := loraForm{in, out, r, 0.5, false}
					rng := rand.New(rand.NewPCG(5, 5))
					x, a, b, dy := noise(rng, n*in), noise(rng, r*in), noise(rng, out*r), noise(rng, n*out)
					da, db, dx := make([]float32, r*in), make([]float32, out*r), make([]float32, n*in)
					for i := range n {
						for k := range r {
							u, du := float32(0), float32(0)
							for j := range in {
								u += f.s * x[i*in+j] * a[k*in+j]
							}
							for o := range out {
								db[o*r+k] += dy[i*out+o] * u
								du += f.s * dy[i*out+o] * b[o*r+k]
							}
							for j := range in {
								da[k*in+j] += du * x[i*in+j]
								dx[i*in+j] += du * a[k*in+j]
							}
						}
					}
					grads := gradientsOf(t, f, n, n*in, r*in, out*r, n*out)()
					for i, want := range [][]float32{da, db, dx} {
						require.InDeltaSlice(t, want, grads[i], 1e-5, "gradient %d of n %d, in %d, out %d, r %d", i, n, in, out, r)
					}
				}
			}
		}
	}
}

func TestGraphsLeaveNoGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		form  form
		sizes func(n int) []int
	}{
		"LoRA": {loraForm{256, 256, 8, 2, false}, func(n int) []int { return []int{n * 256, 8 * 256, 256 * 8, n * 256} }},
		"prompt": {promptForm{2, 2, 16, 5, true}, func(n int) []int {
			return []int{2 * n * 16, 5 * 16, 5 * 16, 2, 2 * n * 2, 5, 2 * n * 16}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{16, 256} {
				run := gradientsOf(t, c.form, n, c.sizes(n)...)
				run()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range 20 {
					run()
				}
				runtime.ReadMemStats(&after)
				bytes := (after.TotalAlloc - before.TotalAlloc) / 20
				t.Logf("%d rows: %d bytes in %d objects per run", n, bytes, (after.Mallocs-before.Mallocs)/20)
				require.Less(t, bytes, uint64(8<<10))
			}
		})
	}
}

func dense(options ...tensor.ConsOpt) *tensor.Dense {
	return tensor.New(append(options, tensor.WithEngine(engine{dev: ref.New()}))...)
}

func floats(rows, cols int) *tensor.Dense {
	return dense(tensor.WithShape(rows, cols), tensor.WithBacking(make([]float32, rows*cols)))
}

func TestEngineRefusesOtherTensors(t *testing.T) {
	doubles := dense(tensor.WithShape(4, 2), tensor.WithBacking(make([]float64, 8)))
	cube := dense(tensor.WithShape(4, 2, 1), tensor.WithBacking(make([]float32, 8)))
	window, err := floats(4, 6).Slice(nil, tensor.S(1, 3))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		a, b tensor.Tensor
		want string
	}{
		"window into a matrix": {window, floats(2, 3), "not contiguous"},
		"float64":              {doubles, floats(2, 3), "not a float32 matrix"},
		"three dimensions":     {cube, floats(2, 3), "not a float32 matrix"},
		"shapes":               {floats(4, 3), floats(2, 3), "product of (4, 3) and (2, 3)"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, engine{dev: ref.New()}.MatMul(c.a, c.b, floats(4, 3)), c.want)
		})
	}
	_, err = engine{dev: ref.New()}.SoftMax(floats(2, 3), 0, tensor.WithReuse(floats(2, 3)))
	require.ErrorContains(t, err, "along axis 1")
}

func TestInputsOfOtherLengthsAreRefused(t *testing.T) {
	g, err := newGraphs(ref.New()).of(loraForm{2, 3, 1, 1, false}, 3, true)
	require.NoError(t, err)
	sizes := []int{3 * 2, 2, 3, 3 * 3} // x, a, b, dy
	for i, want := range sizes {
		for _, n := range []int{want - 1, want + 1} {
			var values [][]float32
			for _, size := range sizes {
				values = append(values, make([]float32, size))
			}
			values[i] = make([]float32, n)
			_, err := g.run(values...)
			require.EqualError(t, err, fmt.Sprintf("gorgonia: input %d has %d elements, want %d", i, n, want))
		}
	}
}

// elsewhere is an operation that ignores the memory it is given.
type elsewhere struct{ G.Op }

func (elsewhere) UsePreallocDo(G.Value, ...G.Value) (G.Value, error) { return floats(2, 3), nil }

func TestAResultOutsideTheGivenMemoryIsAnError(t *testing.T) {
	require.EqualError(t, step{op: elsewhere{}, out: floats(2, 3)}.run(), "the result is outside the given memory")
}

// Gradients of every size stay those of a graph of its own, while the memory grows for larger ones.
func TestGraphsOfAllSizesShareOneMemory(t *testing.T) {
	f, rng, s := loraForm{4, 3, 2, 0.5, false}, rand.New(rand.NewPCG(5, 5)), newGraphs(ref.New())
	for _, n := range []int{2, 5, 2, 9, 3, 5, 2} {
		values := [][]float32{noise(rng, n*4), noise(rng, 2*4), noise(rng, 3*2), noise(rng, n*3)}
		own, err := newGraphs(ref.New()).of(f, n, true)
		require.NoError(t, err)
		want, err := own.run(values...)
		require.NoError(t, err)
		g, err := s.of(f, n, true)
		require.NoError(t, err)
		got, err := g.run(values...)
		require.NoError(t, err)
		require.Equal(t, want, got, "%d rows", n)
		for _, g := range s.known {
			for _, a := range g.values {
				require.Same(t, &s.memory[a.at], &a.tensors[0].Float32s()[0], "after %d rows", n)
			}
		}
	}
}

func TestGraphsForgetTheLeastRecentlyUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := newGraphs(ref.New())
	f := loraForm{2, 2, 1, 1, false}
	first, err := s.of(f, 1, false)
	require.NoError(t, err)
	for n := 2; n <= maxGraphs+10; n++ {
		_, err := s.of(f, n, false)
		require.NoError(t, err)
		again, err := s.of(f, 1, false)
		require.NoError(t, err)
		require.Same(t, first, again)
	}
	require.Len(t, s.known, maxGraphs)
	require.NotContains(t, s.known, graphKey{f, 2, false})
	require.Contains(t, s.known, graphKey{f, maxGraphs + 10, false})
}

func TestScratchCoversTheMemoryOfGraphs(t *testing.T) {
	for _, n := range []int{1, 7, 40} {
		for _, f := range []interface {
			form
			floats(n int) int
		}{loraForm{6, 5, 3, 2, false}, promptForm{2, 2, 4, 5, true}, promptForm{1, 2, 4, 5, false}} {
			g, err := f.derive(engine{dev: ref.New()}, n, true)
			require.NoError(t, err)
			require.Equal(t, g.floats, f.floats(n), "%T with %d rows", f, n)
		}
	}
}

func TestGraphsDoNotKeepTheirInputs(t *testing.T) {
	s := newGraphs(ref.New())
	g, err := s.of(loraForm{2, 2, 1, 1, false}, 3, true)
	require.NoError(t, err)
	x := make([]float32, 6)
	freed := make(chan bool)
	runtime.AddCleanup(&x[0], func(freed chan bool) { close(freed) }, freed)
	_, err = g.run(x, make([]float32, 2), make([]float32, 2), make([]float32, 6))
	require.NoError(t, err)
	x = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-freed:
			return true
		default:
			return false
		}
	}, 5*time.Second, time.Millisecond)
	runtime.KeepAlive(g)
}
