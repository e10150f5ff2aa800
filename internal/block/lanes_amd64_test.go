//go:build amd64 && !purego

package block

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVectorsEqualTheirPlainTwins tries steps on parts of all magnitudes, some of them constant or zeros.
func TestVectorsEqualTheirPlainTwins(t *testing.T) {
	if !vectors {
		t.Skip("no AVX2 here")
	}
	r := rand.New(rand.NewPCG(1, 2))
	improved := 0
	for range 2000 {
		fast := affine{n: 16 << r.IntN(2), top: 15, steps: 15}
		if r.IntN(2) == 0 {
			fast.absolute = math.MaxUint32
		}
		var same symmetric
		for p := range lanes {
			scale, offset := math.Ldexp(1, r.IntN(200)-140), float64(r.IntN(3)-1)
			if r.IntN(8) == 0 {
				scale = 0
			}
			for i := range fast.n {
				v := float32(scale * (r.Float64() - 0.5 + offset))
				fast.x[i][p], fast.w[i][p] = v, abs(v)
				if i < 16 {
					same.x[i][p] = v
					if abs(v) > abs(same.extreme[p]) {
						same.extreme[p] = v
					}
				}
			}
			fast.begin(p)
			same.gain[p] = -1
		}
		plain, start, twin := fast, fast, same
		for try := range 8 {
			fast.steps, same.steps = 14+0.3*float32(try), -31-0.3*float32(try)
			plain.steps, twin.steps = fast.steps, same.steps
			tryAVX2(&fast)
			plain.tryGo()
			scanAVX2(&same)
			twin.tryGo()
		}
		require.Equal(t, bits(plain.d[:]), bits(fast.d[:]))
		require.Equal(t, bits(plain.low[:]), bits(fast.low[:]))
		require.Equal(t, bits(plain.miss[:]), bits(fast.miss[:]))
		require.Equal(t, plain.q, fast.q)
		require.Equal(t, bits(twin.d[:]), bits(same.d[:]))
		require.Equal(t, bits(twin.gain[:]), bits(same.gain[:]))
		require.Equal(t, twin.q, same.q)
		if plain.d != start.d {
			improved++
		}
	}
	require.Greater(t, improved, 1000, "the best is often another one than the first")
}

// bits returns the bits of numbers, one for all that are none.
func bits(list []float32) (out []uint32) {
	for _, v := range list {
		if v != v {
			v = float32(math.NaN())
		}
		out = append(out, math.Float32bits(v))
	}
	return out
}
