package adapter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

func TestFrozenParametersAreNeitherCountedNorTheLowest(t *testing.T) {
	at := func(layer, size int, frozen bool) Spec {
		return Spec{Site: model.Site{Layer: layer}, Shape: []int{size, 2}, Frozen: frozen}
	}
	for _, c := range []struct {
		name          string
		specs         []Spec
		count, lowest int
	}{
		{"none", nil, 0, 0},
		{"all frozen", []Spec{at(1, 3, true), at(2, 5, true)}, 0, 0},
		{"a frozen layer below", []Spec{at(1, 3, true), at(2, 5, false), at(3, 7, false)}, 24, 2},
		{"a frozen layer above", []Spec{at(1, 3, false), at(2, 5, true)}, 6, 1},
		{"highest layer first", []Spec{at(4, 1, false), at(2, 1, false), at(3, 1, false)}, 6, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, []int{c.count, c.lowest}, []int{Count(c.specs), Lowest(c.specs)})
		})
	}
}

// The official dialect saves the gates of all layers, PEFT's those of the layers with a prompt.
func TestLLaMAAdapterTrainsItsTopLayers(t *testing.T) {
	c := &model.Config{Hidden: 16, Layers: 5, Heads: 4, KVHeads: 2, HeadDim: 4}
	for _, x := range []struct {
		gate         string
		specs, count int
	}{
		{PerHead, 1 + 5, 2 * (3*16 + 4)},
		{Scalar, 2 * 2, 2 * (3*16 + 1)},
	} {
		specs, err := LLaMAAdapter{Len: 3, Layers: 2, Gate: x.gate, GateActivation: None}.Params(c)
		require.NoError(t, err)
		require.Len(t, specs, x.specs, x.gate)
		require.Equal(t, x.count, Count(specs), x.gate)
		require.Equal(t, 5-2, Lowest(specs), x.gate)
	}
}
