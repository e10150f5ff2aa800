package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train"
)

// A run that continues an adapter trains that adapter's parameters, whatever the settings of its method.
func TestPlanCountsTrainedParameters(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, tinymodel.Write(base, tinymodel.Config{}, 7))
	m, err := model.Load(base, ref.New())
	require.NoError(t, err)
	for name, method := range map[string]adapter.Method{
		"rank 5":     adapter.LoRA{Rank: 5, Alpha: 10, Dropout: 0.1, Targets: []string{"q_proj", "up_proj"}},
		"all-linear": adapter.LoRA{Rank: 2, Alpha: 10, Targets: []string{"all-linear"}},
		"rank pattern": adapter.LoRA{Rank: 2, Alpha: 10, LoRAFile: adapter.LoRAFile{TargetRegexp: ".*q_proj",
			RankPattern: adapter.Object[int]{{Key: "layers.1.*", Value: 7}}}},
		"saved modules": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"embed_tokens", "q_proj"},
			Saved: adapter.Saved{Modules: []string{"lm_head", "norm"}}},
		"trained tokens": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"lm_head"},
			Saved: adapter.Saved{Tokens: []string{"3", "4"}}},
		"prompts":      adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
		"scalar gates": adapter.LLaMAAdapter{Len: 3, Layers: 1, Gate: adapter.Scalar, GateActivation: adapter.None},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := adapter.New(method, m, 1)
			require.NoError(t, err)
			c := train.Defaults()
			c.Type, c.Adapter = method.Name(), t.TempDir()
			require.NoError(t, set.Save(c.Adapter))
			c.Gate, c.GateActivation = "", "" // as stored
			c.LoRA.Dropout = adapter.Dropout(method)
			again, err := adapter.LoadAs(c.Adapter, must(c.Methods.Find(c.Type)), m)
			require.NoError(t, err)
			require.Equal(t, again.Size(), Trainables(c, m.Config()))
			require.Equal(t, set.Size(), Trainables(c, m.Config()))
			continued, err := c.Method()
			require.NoError(t, err)
			require.Equal(t, adapter.Dropout(method), adapter.Dropout(continued))
			require.Equal(t, method.Scratch(m.Config(), 20, 10, 1), continued.Scratch(m.Config(), 20, 10, 1))
		})
	}
	c := train.Defaults()
	c.Type = adapter.TypeFull
	require.Equal(t, m.Config().Parameters(), Trainables(c, m.Config()))
	c.Type = adapter.TypeLLaMAAdapter
	require.Equal(t, 1*(10*m.Config().Hidden+m.Config().Heads)*max(1, m.Config().Layers-2), Trainables(c, m.Config()),
		"all but two layers")
}

func must(m adapter.Method, err error) adapter.Method {
	if err != nil {
		panic(err)
	}
	return m
}
