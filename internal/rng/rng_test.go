package rng

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBitsAreFixed(t *testing.T) {
	for _, c := range []struct {
		key, want Key
		u0, u1    float64
		n0, far   float64
	}{
		{0, 0, 0, 0x1.c4415072f63b9p-01, math.Copysign(0, -1), 0x1.2608b0cc5b79cp+00},
		{Stream(), 0, 0, 0x1.c4415072f63b9p-01, math.Copysign(0, -1), 0x1.2608b0cc5b79cp+00},
		{Stream(7), 0x863b891f4c0abd4f, 0x1.90df460a12208p-03, 0x1.78b8d0179078dp-01,
			-0x1.e24bab023d611p-05, -0x1.f0c5490ddfbe4p-01},
		{Stream(1, 2, 3), 0x8625f9d797218542, 0x1.362e394132901p-01, 0x1.d56a682f881b4p-01,
			0x1.2eb159b6281fbp+00, 0x1.efbdb0492f5e1p-04},
		{Stream(42, Name("q_proj")), 0x95a7bcf979be8f88, 0x1.f2c277c576db8p-02, 0x1.2190d56704888p-04,
			0x1.0b1b9ce9e3686p+00, -0x1.c29c7f020a4ffp-02},
	} {
		require.Equal(t, c.want, c.key)
		require.Equal(t, c.u0, c.key.Uniform(0))
		require.Equal(t, c.u1, c.key.Uniform(1))
		require.InDelta(t, c.n0, c.key.Normal(0), 1e-15) // the last bit of math.Log and math.Cos is the platform's
		require.InDelta(t, c.far, c.key.Normal(12345), 1e-15)
	}
	require.EqualValues(t, uint64(0x5692161d100b05e5), Mix(1))
	require.EqualValues(t, uint64(0xe220a8397b1dcdaf), Mix(golden)) // SplitMix64's first output for seed 0
}

func TestNameIsFNV1a(t *testing.T) { // Fowler, Noll and Vo's published values for "" and "a"
	require.EqualValues(t, uint64(0xcbf29ce484222325), Name(""))
	require.EqualValues(t, uint64(0xaf63dc4c8601ec8c), Name("a"))
	require.EqualValues(t, uint64(0xadc85e1d7ca255d4), Name("base_model.model.layers.0.self_attn.q_proj.lora_A.weight"))
}

func TestOrderOfWordsMatters(t *testing.T) {
	require.NotEqual(t, Stream(1, 2), Stream(2, 1))
	require.NotEqual(t, Stream(1), Stream(1, 0))
}

func TestMomentsAreThoseOfTheDistributions(t *testing.T) {
	const n = 100000
	k := Stream(1)
	var u, u2, z, z2 float64
	for i := range n {
		x := k.Uniform(i)
		require.True(t, x >= 0 && x < 1)
		u, u2 = u+x, u2+x*x
		y := k.Normal(i)
		z, z2 = z+y, z2+y*y
	}
	require.InDelta(t, 0.5, u/n, 0.005)
	require.InDelta(t, 1.0/3, u2/n, 0.005)
	require.InDelta(t, 0, z/n, 0.02)
	require.InDelta(t, 1, z2/n, 0.02)
}
