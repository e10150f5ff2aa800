package cpu_test

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/compute/devicetest"
	"fettle/internal/selftest"
)

func newDevice(t *testing.T, o cpu.Options) compute.Device {
	t.Helper()
	o.Stored = true // tests are small
	dev, err := cpu.New(o)
	require.NoError(t, err)
	return dev
}

func TestEqualsRef(t *testing.T) {
	if testing.Short() {
		t.Skip("long; TestBitsDoNotDependOnThreads runs the same cases")
	}
	for _, a := range selftest.Arithmetics() {
		t.Run(a.String(), func(t *testing.T) {
			t.Parallel()
			o := cpu.Options{Compute: a.Mode, Threads: 2, Level: a.Level.Name}
			require.NoError(t, devicetest.Run(newDevice(t, o), a.Judge()))
		})
	}
}

// TestWordsOfEveryKindEqualRef holds the products of bytes of every level to
// the judge by way of the plain kernels, and to each other's bits.
func TestWordsOfEveryKindEqualRef(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and on one thread")
	}
	dev := func(codes int) compute.Device {
		return cpu.WithCodes(newDevice(t, cpu.Options{Compute: "int8", Threads: 2, Level: "plain"}), codes)
	}
	judge := selftest.Arithmetic{Level: kernel.Plain(), Mode: "int8"}.Judge()
	require.NoError(t, devicetest.Run(dev(2), judge))
	require.NoError(t, devicetest.Run(dev(4), judge))
	require.NoError(t, devicetest.SameBits(dev(2), dev(4)))
}

// TestTwinsOfAMXEqualRef runs, where there are no tile registers, what needs them: attention too.
func TestTwinsOfAMXEqualRef(t *testing.T) {
	if testing.Short() || slices.Contains(cpu.Levels(), "amx") {
		t.Skip("long, and on one thread")
	}
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("takes a minute; set FETTLE_LONG=1")
	}
	dev := cpu.WithAMX(newDevice(t, cpu.Options{Compute: "bf16", Threads: 2, Level: "plain"}))
	require.NoError(t, devicetest.Run(dev, selftest.Arithmetic{Level: cpu.TwinsOfAMX(), Mode: "bf16"}.Judge()))
}

// TestFewRowsOfCodesHaveTheBitsOfMany compares one row and two, which have a
// kernel of their own, with many: once with sums that are cut into blocks, once
// with more rows than pass over a panel together.
func TestFewRowsOfCodesHaveTheBitsOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and on one thread")
	}
	for _, level := range cpu.Levels() {
		dev := newDevice(t, cpu.Options{Compute: "int8", Level: level})
		for _, s := range [][3]int{{13, 1700, 1637}, {1301, 35, 66}} {
			n, out, in := s[0], s[1], s[2]
			w := devicetest.Matrix(out, in, compute.Int8, devicetest.Normal(3, out*in))
			require.NoError(t, dev.Prepare(w))
			x, dy := devicetest.Normal(4, n*in), devicetest.Normal(5, n*out)
			products := func(size int) []float32 {
				y, dx := make([]float32, n*out), make([]float32, n*in)
				for lo := 0; lo < n; lo += size {
					rows := min(size, n-lo)
					dev.MatMul(y[lo*out:], x[lo*in:], w, rows)
					dev.MatMulT(dx[lo*in:], dy[lo*out:], w, rows)
				}
				return append(y, dx...)
			}
			many := products(n)
			for _, size := range []int{1, 2, 5} {
				require.Equal(t, many, products(size), "%s: %d rows of (%d, %d), %d at a time", level, n, out, in, size)
			}
		}
	}
}

// TestSmallMatricesAreWidenedExactly compares products of matrices as stored
// and kept as float32.
func TestSmallMatricesAreWidenedExactly(t *testing.T) {
	const n, out, in = 5, 70, 66
	for _, level := range cpu.Levels() {
		for _, kind := range []compute.DType{compute.BF16, compute.F16} {
			var results [2][]float32
			for i, stored := range []bool{true, false} {
				dev, err := cpu.New(cpu.Options{Compute: "f32", Level: level, Stored: stored})
				require.NoError(t, err)
				w := devicetest.Matrix(out, in, kind, devicetest.Normal(3, out*in))
				require.NoError(t, dev.Prepare(w))
				y, dx := make([]float32, n*out), make([]float32, n*in)
				dev.MatMul(y, devicetest.Normal(4, n*in), w, n)
				dev.MatMulT(dx, devicetest.Normal(5, n*out), w, n)
				results[i] = append(y, dx...)
			}
			require.Equal(t, results[0], results[1], "%s %v", level, kind)
		}
	}
}

func TestGradientsAreDerivatives(t *testing.T) {
	for _, level := range cpu.Levels() {
		require.NoError(t, devicetest.Gradients(newDevice(t, cpu.Options{Compute: "f32", Threads: 2, Level: level})))
	}
}

func TestBitsDoNotDependOnThreads(t *testing.T) {
	several := []int{3, 2, 5}
	if testing.Short() {
		several = several[:1]
	}
	for _, mode := range []string{"f32", "bf16", "int8"} {
		one := newDevice(t, cpu.Options{Threads: 1, Compute: mode})
		for _, threads := range several {
			require.NoError(t, devicetest.SameBits(one, newDevice(t, cpu.Options{Threads: threads, Compute: mode})))
		}
	}
}

// TestStripsChangeNoBit compares products that pass over whole panels with
// those over strips, for every number of rows.
func TestStripsChangeNoBit(t *testing.T) {
	if testing.Short() {
		t.Skip("long; TestBitsDoNotDependOnThreads runs the same cases")
	}
	for _, level := range cpu.Levels() {
		o := cpu.Options{Threads: 2, Compute: "f32", Level: level}
		require.NoError(t, devicetest.SameBits(newDevice(t, o), cpu.InStrips(newDevice(t, o))))
	}
}

func TestUnknownComputeIsRefused(t *testing.T) {
	_, err := cpu.New(cpu.Options{Compute: "fp8"})
	require.ErrorContains(t, err, `unknown compute "fp8"`)
	_, err = cpu.New(cpu.Options{Level: "mmx"})
	require.ErrorContains(t, err, `no level "mmx"`)
}
