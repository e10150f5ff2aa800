package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Inverse frequencies of Llama 3.1, theta 500000, factor 8, low 1, high 4, 8192 original positions, computed in float64
// by the formulas of apply_scaling in Meta's models/llama3/reference_impl/model.py, github.com/meta-llama/llama-models:
// for the wavelength λ = 2π/f, f where λ < 8192/4, f/8 where λ > 8192/1, and in between
//
//	(1 − s)·f/8 + s·f,  s = (8192/λ − 1)/(4 − 1)
func TestLlama3FrequenciesAreTheReferences(t *testing.T) {
	scaling := &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: 8192}
	for _, c := range []struct {
		headDim int
		want    map[int]float64
	}{
		{64, map[int]float64{
			0: 1.0, 1: 0.6636012376960885, 14: 0.003211445994752591, 15: 0.0013718935677611381,
			16: 0.0005248461609929547, 17: 0.0001785078127679964, 18: 7.78465527393245e-05, 31: 3.767322690173964e-07,
		}},
		{128, map[int]float64{
			0: 1.0, 1: 0.8146172338565447, 28: 0.003211445994752591, 29: 0.002166570763503359,
			30: 0.0013718935677611381, 31: 0.0008567514129196321, 32: 0.0005248461609929547, 33: 0.00031269375038406517,
			34: 0.0001785078127679964, 35: 9.556212353964683e-05, 63: 3.068925988914511e-07,
		}},
	} {
		r := newRope(&Config{HeadDim: c.headDim, RopeTheta: 500000, RopeScaling: scaling})
		require.Len(t, r.inverse, c.headDim/2)
		for j, want := range c.want {
			require.InEpsilon(t, want, r.inverse[j], 1e-12, "head of %d, pair %d", c.headDim, j)
		}
	}
}

// Linear scaling by 4 interpolates positions (Chen et al. 2023, arXiv:2306.15595): position p turns as p/4 does without
// it. Frequencies for theta 10000 and Dh = 8 are 1, 1/10, 1/100, 1/1000.
func TestLinearScalingDividesPositions(t *testing.T) {
	c := Config{HeadDim: 8, RopeTheta: 10000}
	plain := newRope(&c)
	c.RopeScaling = &RopeScaling{Type: "linear", Factor: 4}
	stretched := newRope(&c)
	require.InDeltaSlice(t, []float64{0.25, 0.025, 0.0025, 0.00025}, stretched.inverse, 1e-15)
	cos, sin := plain.table(8)
	cos4, sin4 := stretched.table(32)
	for p := range 8 {
		require.InDeltaSlice(t, cos[4*p:4*p+4], cos4[16*p:16*p+4], 1e-6, "position %d", p)
		require.InDeltaSlice(t, sin[4*p:4*p+4], sin4[16*p:16*p+4], 1e-6, "position %d", p)
	}
}
