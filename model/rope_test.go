package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute/ref"
)

// Meta's checkpoints pair neighbours (2i, 2i+1), Hugging Face's the halves
// (i, i+Dh/2), with rows permuted: HF row r·Dh/2+p is Meta row 2p+r. Scores are
// the same; without the permutation they are not.
func TestRopeLayoutsAgree(t *testing.T) {
	const dh, n = 8, 5
	rope := newRope(&Config{HeadDim: dh, RopeTheta: 10000})
	cos, sin := rope.table(n)
	rng := rand.New(rand.NewPCG(1, 1))
	meta := make([]float32, 2*n*dh) // n queries, then n keys
	for i := range meta {
		meta[i] = float32(rng.NormFloat64())
	}
	half := make([]float32, len(meta))
	for i := range 2 * n {
		for r := range 2 {
			for p := range dh / 2 {
				half[i*dh+r*dh/2+p] = meta[i*dh+2*p+r]
			}
		}
	}
	position := make([]int32, 2*n)
	for i := range position {
		position[i] = int32(i % n)
	}
	unpermuted := append([]float32(nil), meta...)
	ref.New().Rope(half, 2*n, 1, dh, dh, position, cos, sin, false)
	ref.New().Rope(unpermuted, 2*n, 1, dh, dh, position, cos, sin, false)
	for i, at := range position {
		for p := range dh / 2 {
			x := complex(float64(meta[i*dh+2*p]), float64(meta[i*dh+2*p+1]))
			angle := float64(at) * math.Pow(10000, -2*float64(p)/dh)
			x *= complex(math.Cos(angle), math.Sin(angle))
			meta[i*dh+2*p], meta[i*dh+2*p+1] = float32(real(x)), float32(imag(x))
		}
	}
	score := func(x []float32, q, k int) (sum float64) {
		for j := range dh {
			sum += float64(x[q*dh+j]) * float64(x[(n+k)*dh+j])
		}
		return sum
	}
	differ := 0.0
	for q := range n {
		for k := range n {
			require.InDelta(t, score(meta, q, k), score(half, q, k), 1e-5)
			differ = max(differ, math.Abs(score(meta, q, k)-score(unpermuted, q, k)))
		}
	}
	require.Greater(t, differ, 0.1)
}
