package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

func newDevice(t *testing.T, o cpu.Options) compute.Device {
	t.Helper()
	dev, err := cpu.New(o)
	require.NoError(t, err)
	return cpu.AsStored(dev) // tests are small
}

// judges are the plain devices of each way to compute at a level.
func judges(level string) map[string]devicetest.Judge {
	rest := ref.New()
	if level == "avx512bf16" {
		rest = ref.NewBF16()
	}
	return map[string]devicetest.Judge{
		"f32":  {Device: ref.New(), Product: 1e-5, Loss: 1e-5},
		"bf16": {Device: ref.NewBF16(), Product: 1e-5, Loss: 4e-3},
		"int8": {Device: ref.NewInt8(rest), Product: 1e-5, Loss: 4e-3},
	}
}

func TestEqualsRef(t *testing.T) {
	for _, level := range cpu.Levels() {
		for mode, judge := range judges(level) {
			t.Run(level+" "+mode, func(t *testing.T) {
				t.Parallel()
				devicetest.Run(t, newDevice(t, cpu.Options{Compute: mode, Threads: 2, Level: level}), judge)
			})
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
			for i, keep := range []func(compute.Device) compute.Device{cpu.AsStored, func(d compute.Device) compute.Device { return d }} {
				dev, err := cpu.New(cpu.Options{Compute: "f32", Level: level})
				require.NoError(t, err)
				dev = keep(dev)
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
		devicetest.Gradients(t, newDevice(t, cpu.Options{Compute: "f32", Threads: 2, Level: level}))
	}
}

func TestBitsDoNotDependOnThreads(t *testing.T) {
	for mode := range judges("") {
		one := newDevice(t, cpu.Options{Threads: 1, Compute: mode})
		for _, threads := range []int{2, 3, 5} {
			devicetest.SameBits(t, one, newDevice(t, cpu.Options{Threads: threads, Compute: mode}))
		}
	}
}

func TestUnknownComputeIsRefused(t *testing.T) {
	_, err := cpu.New(cpu.Options{Compute: "fp8"})
	require.ErrorContains(t, err, `unknown compute "fp8"`)
	_, err = cpu.New(cpu.Options{Level: "mmx"})
	require.ErrorContains(t, err, `no level "mmx"`)
}
