package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/devicetest"
)

func newDevice(t *testing.T, o cpu.Options) compute.Device {
	t.Helper()
	dev, err := cpu.New(o)
	require.NoError(t, err)
	return dev
}

func TestEqualsRef(t *testing.T) {
	devicetest.Run(t, newDevice(t, cpu.Options{Compute: "f32", Threads: 2}), 1e-5)
}

func TestGradientsAreDerivatives(t *testing.T) {
	devicetest.Gradients(t, newDevice(t, cpu.Options{Compute: "f32", Threads: 2}))
}

func TestBitsDoNotDependOnThreads(t *testing.T) {
	one := newDevice(t, cpu.Options{Threads: 1})
	for _, threads := range []int{2, 3, 5} {
		devicetest.SameBits(t, one, newDevice(t, cpu.Options{Threads: threads}))
	}
}

func TestUnknownComputeIsRefused(t *testing.T) {
	_, err := cpu.New(cpu.Options{Compute: "fp8"})
	require.ErrorContains(t, err, `unknown compute "fp8"`)
}
