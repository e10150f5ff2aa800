package ref_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

func TestRefIsADevice(t *testing.T) {
	for _, dev := range []compute.Device{ref.New(), ref.NewBF16(), ref.NewInt8(ref.New())} {
		require.NoError(t, devicetest.Run(dev, devicetest.Judge{Device: dev}))
	}
}

func TestAMXIsBF16InAnotherOrder(t *testing.T) {
	exam := devicetest.NewExam(devicetest.Quick(), devicetest.Judge{Device: ref.NewBF16(), Product: 1e-5, Loss: 4e-3})
	require.NoError(t, exam.Pass(ref.NewAMX()))
}

func TestGradientsAreDerivatives(t *testing.T) { require.NoError(t, devicetest.Gradients(ref.New())) }
