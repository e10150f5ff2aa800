package compute

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearestLevelIsNearest(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	values := []float32{0, 1, -1, 2, -2, inf, -inf, nan, math.Nextafter32(1, 0), math.Nextafter32(-1, 0)}
	for c := range 15 {
		m := (NF4Levels[c] + NF4Levels[c+1]) / 2
		values = append(values, m, math.Nextafter32(m, 2), math.Nextafter32(m, -2))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		values = append(values, rng.Float32()*2.2-1.1)
	}
	for _, v := range values {
		want := byte(0)
		for c := 1; c < 16; c++ {
			if v > (NF4Levels[c-1]+NF4Levels[c])/2 {
				want = byte(c)
			}
		}
		require.Equal(t, want, nearestLevel(v, 1), "%v", v)
	}
	require.Equal(t, byte(7), nearestLevel(3, 0))
}

func BenchmarkNearestLevel(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	row := make([]float32, 4096)
	for i := range row {
		row[i] = float32(rng.NormFloat64()) / 3
	}
	for b.Loop() {
		for _, v := range row {
			nearestLevel(v, 1.1)
		}
	}
}
