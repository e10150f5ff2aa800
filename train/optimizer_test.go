package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute/ref"
)

// Learning rates of Hugging Face's trainer: the log of ChatDoctor's Alpaca stage, and the same formulas at other
// lengths.
func TestRatesEqualRealLogs(t *testing.T) {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	text, err := os.ReadFile(filepath.Join(dir, "golden", "seeds_golden_misc.json"))
	if err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	var file map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &file))
	for _, c := range []struct {
		key    string
		kind   string
		rate   float64
		warmup float64
		steps  int
	}{
		{"lr_alpaca_T609_w19_2e-5", "cosine", 2e-5, 19, 609},
		{"lr_alpaca_T1218_w37_2e-5", "cosine", 2e-5, 37, 1218},
		{"lr_alpacalora_linear_w100_3e-4_T1164", "linear", 3e-4, 100, 1164},
		{"lr_llama_adapter_1625it_per_epoch", "cosine", 1.125e-3, 3250, 8125},
	} {
		var want map[string]float64
		require.NoError(t, json.Unmarshal(file[c.key], &want))
		require.NotEmpty(t, want)
		s := rates(t, Config{Schedule: c.kind, LearningRate: c.rate, WarmupSteps: c.warmup}, c.steps)
		for step, rate := range want {
			k, err := strconv.Atoi(step)
			require.NoError(t, err)
			require.Equal(t, rate, s.rate(k), "%s, step %d", c.key, k)
		}
	}
}

// With constant gradients the corrected moments are g and g², so that every update is rate·sign(g), apart from ε.
func TestAdamWByHand(t *testing.T) {
	p := &adapter.Param{Name: "p", Data: []float32{1, -2, 3}, Grad: []float32{0.5, -0.25, 0}}
	c := Config{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
	o := newAdamW(c, ref.New(), []*adapter.Param{p})
	want := []float64{1, -2, 3}
	for range 5 {
		o.step(0.01, 2)
		for i, sign := range []float64{1, -1, 0} {
			want[i] = want[i]*(1-0.01*0.1) - 0.01*sign
		}
		for i := range want {
			require.InDelta(t, want[i], p.Data[i], 1e-6)
		}
	}
}

func TestClip(t *testing.T) {
	o := newAdamW(Config{}, ref.New(), []*adapter.Param{{Grad: []float32{3}}, {Grad: []float32{0, 4}}})
	require.Equal(t, 5.0, o.norm())
	require.InDelta(t, 0.2, clip(5, 1), 1e-6)
	require.Less(t, clip(5, 1), 0.2, "PyTorch's 1e-6")
	require.Equal(t, 1.0, clip(0.5, 1))
	require.Equal(t, 1.0, clip(5, 0))
}

func TestPlan(t *testing.T) {
	p := newSteps(Config{BatchSize: 2, Accumulation: 1, Epochs: 2, Shuffle: true, Seed: 5}, 5)
	require.Equal(t, 6, p.total)
	for epoch := range 2 {
		seen := map[int]bool{}
		for k := range 3 {
			for _, i := range p.examples(3*epoch + k) {
				require.False(t, seen[i])
				seen[i] = true
			}
		}
		require.Len(t, seen, 5)
	}
	first := append([]int(nil), p.examples(1)...)
	p.examples(4)
	require.Equal(t, first, p.examples(1), "a step's examples depend on the step alone")
}
