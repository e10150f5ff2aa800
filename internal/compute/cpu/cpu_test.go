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
	return dev
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
