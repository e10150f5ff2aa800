package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

func TestWorkOfAStepIsCounted(t *testing.T) {
	c, err := Settings{Shape: "1b"}.Config()
	require.NoError(t, err)
	blocks, head := matrices(c)
	require.InDelta(t, 0.97e9, blocks, 0.01e9, "spec of TinyLlama 1.1B")
	require.InDelta(t, 0.0655e9, head, 0.001e9)

	// One layer of width 2, one head, MLP width 3: q, k, v, o of 4 and the MLP's 6 each.
	small := &model.Config{Hidden: 2, Intermediate: 3, Layers: 2, Heads: 1, KVHeads: 1, HeadDim: 2, Vocab: 5}
	layer := 4*4.0 + 3*6
	forward, loss := 2*10*2*layer, 4*7*5*2.0
	spared := 2 * 3 * (layer - 8.0) // three of ten tokens learn nothing: keys and values alone in the last layer
	require.Equal(t, forward+loss+2*10*(2*layer-12)-2*spared, Training{Recompute: "none"}.work(small, 0, 10, 7),
		"down to the lowest layer's q, k and v, not through them")
	require.Equal(t, forward+loss+2*10*(layer-12)-2*spared+2*3*4, Training{Recompute: "none"}.work(small, 1, 10, 7),
		"the upper layer only")
	require.Equal(t, forward+loss+2*10*(2*layer-12)-2*spared+2*10*layer, Training{Recompute: "all"}.work(small, 0, 10, 7),
		"the upper layer's activations are still there")
}
