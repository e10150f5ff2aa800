package ref_test

import (
	"testing"

	"fettle/internal/compute"
	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

func TestRefIsADevice(t *testing.T) {
	for _, dev := range []compute.Device{ref.New(), ref.NewBF16(), ref.NewInt8(ref.New())} {
		devicetest.Run(t, dev, devicetest.Judge{Device: dev})
	}
}

func TestGradientsAreDerivatives(t *testing.T) { devicetest.Gradients(t, ref.New()) }
