package model_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// broken writes one number that is not finite.
type broken struct{}

func (broken) Forward(y, _ []float32, _ *model.Batch) error {
	y[len(y)-1] = float32(math.Inf(1))
	return nil
}

func (broken) Backward(_, _, _, _ []float32, _ *model.Batch) error { return nil }

func TestTheFirstPlaceThatIsNotFiniteIsNamed(t *testing.T) {
	m := load(t, tinymodel.Config{Layers: 3}, ref.New())
	tokens, labels := sequences(40, 9)
	b := model.Pack(tokens, labels)
	where := func(at model.Site) string {
		name, err := m.With(func(s model.Site) model.Delta {
			if s == at {
				return broken{}
			}
			return nil
		}).FirstNotFinite(b)
		require.NoError(t, err)
		return name
	}
	for l := range 3 {
		for _, p := range []model.Place{model.VProj, model.Attention, model.DownProj} {
			require.Equal(t, fmt.Sprintf("layer %d", l), where(model.Site{Layer: l, At: p}))
		}
	}
	require.Equal(t, "the embedding", where(model.EmbedSite()))
	require.Equal(t, "the head", where(m.Config().HeadSite()))
	name, err := m.FirstNotFinite(b)
	require.NoError(t, err)
	require.Empty(t, name)
}
