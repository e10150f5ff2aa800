package model_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute/ref"
	"fettle/model"
)

func TestDrawnWeightsHaveTheirDeviations(t *testing.T) {
	c := &model.Config{
		Hidden: 32, Intermediate: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, Vocab: 50, MaxPositions: 64,
		NormEps: 1e-5, RopeTheta: 1e4,
	}
	m, err := model.Drawn(c, 1, 0.1, ref.New())
	require.NoError(t, err)
	for _, p := range model.Projections() {
		want := 0.1
		if p == model.OProj || p == model.DownProj {
			want = 0.1 / 2 // 1/√(2L)
		}
		w, sum := m.Weight(model.Site{Layer: 1, At: p}), 0.0
		row := make([]float32, w.K)
		for i := range w.N {
			w.Row(row, i, 0)
			for _, v := range row {
				sum += float64(v) * float64(v)
			}
		}
		require.InEpsilon(t, want, math.Sqrt(sum/float64(w.N*w.K)), 0.1, "%v", p)
	}
}
