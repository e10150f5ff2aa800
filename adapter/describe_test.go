package adapter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
)

func TestAnAdapterTellsItsScale(t *testing.T) {
	base := load(t, fast(t, 1))
	for want, method := range map[string]adapter.Method{
		"lora: 6 modules, rank 4, scale 2": adapter.LoRA{Rank: 4, Alpha: 8, Targets: []string{"q_proj", "v_proj"}},
		"lora: 3 modules, rank 4, scale 4": adapter.LoRA{Rank: 4, Alpha: 8, RSLoRA: true, Targets: []string{"q_proj"}},

		"lora: 21 modules, rank 2 to 5, scale -2.333 to 3.667": patterned(false),
		"llama-adapter: prompts of 2 in the top 2 layers, gates per_head, activation tanh": adapter.LLaMAAdapter{
			Len: 2, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
		"full": adapter.Full{},
	} {
		s, err := adapter.New(method, base, 1)
		require.NoError(t, err)
		require.Equal(t, want, s.String())
	}
}
