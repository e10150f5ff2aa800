package adapter

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

// seeds_golden_attn.json has the outputs of one layer under every gate
// variant, but not its inputs. The outputs are base + Σ c_h·u_h with two heads;
// they determine the gates, 0.5 and −1, and u up to rounding. Our activations
// of these gates must then reproduce the other variants.
func TestGateVariantsEqualReference(t *testing.T) {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	text, err := os.ReadFile(filepath.Join(dir, "golden", "seeds_golden_attn.json"))
	if err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	var file map[string][][]float64
	require.NoError(t, json.Unmarshal(text, &file))
	added := func(name string) []float64 {
		var out []float64
		for i, row := range file[name] {
			for j, v := range row {
				out = append(out, v-file["base_gate0"][i][j])
			}
		}
		require.NotEmpty(t, out, name)
		return out
	}
	raw, tanh, both := added("raw_per_head"), added("tanh_per_head"), added("peft_scalar_0.5")

	c := func(activation string) []float32 {
		config := LLaMAAdapter{Len: 5, Layers: 2, Gate: PerHead, GateActivation: activation}
		m := newModule(t, config, model.Site{Layer: 2, At: model.Attention})
		p := m.delta.(*prompt)
		copy(p.gate, []float32{0.5, -1})
		p.refresh()
		return p.c
	}
	r, a := c(None), c(Tanh)
	require.Equal(t, []float32{0.5, -1}, r[:2])
	for i := range raw {
		u1 := (raw[i] + both[i]/0.5) / 1.5 // from r₁u₁+r₂u₂ and 0.5·(u₁+u₂)
		u2 := both[i]/0.5 - u1
		require.InDelta(t, tanh[i], float64(a[0])*u1+float64(a[1])*u2, 5e-6)
	}
	require.Equal(t, file["tanh_per_head"], file["hf_permuted_halfsplit_tanh_per_head"],
		"rows of q and k permuted for the other RoPE layout")
	worst := 0.0
	for i, v := range added("WRONG_unpermuted_halfsplit_tanh") {
		worst = max(worst, math.Abs(v-tanh[i]))
	}
	require.Greater(t, worst, 0.1, "without the permutation it is another function")
}
