package ref_test

import (
	"testing"

	"fettle/internal/compute/devicetest"
	"fettle/internal/compute/ref"
)

func TestRefIsADevice(t *testing.T) { devicetest.Run(t, ref.New(), 0) }

func TestGradientsAreDerivatives(t *testing.T) { devicetest.Gradients(t, ref.New()) }
