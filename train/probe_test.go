package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbeMovesNoParameter(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			c := config(t.TempDir())
			c.WeightDecay = 0.5
			j := beginning(c, job(t, method, 2)).job
			require.NoError(t, j.Adapter.Refresh())
			bits := func() (all []uint32) {
				for _, p := range j.Adapter.Params() {
					for _, x := range p.Data {
						all = append(all, math.Float32bits(x))
					}
				}
				return all
			}
			before := bits()
			loss, err := j.Model.Loss(c.pack(j.Evaluation))
			require.NoError(t, err)
			loss = slices.Clone(loss)
			pace, err := Probe(context.Background(), c, j, 2)
			require.NoError(t, err)
			require.Positive(t, pace.Token)
			require.Positive(t, pace.Held)
			require.Equal(t, before, bits())
			after, err := j.Model.Loss(c.pack(j.Evaluation))
			require.NoError(t, err)
			require.Equal(t, loss, after, "the state derived from the parameters is unchanged too")
		})
	}
}
