package train

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
)

// provable lists methods with a parameter of every kind.
func provable() []adapter.Method {
	return []adapter.Method{
		adapter.LoRA{Rank: 2, Alpha: 4, Dropout: 0.1, Targets: []string{"all-linear"}},
		adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh}, adapter.Full{},
	}
}

func TestSlopesFindNothingWrongAndChangeNothing(t *testing.T) {
	for _, method := range provable() {
		j := job(t, method, 2)
		var before [][]float32
		for _, p := range j.Adapter.Params() {
			before = append(before, slices.Clone(p.Data))
		}
		all, err := Slopes(t.Context(), config(t.TempDir()), j, j.Training[:4], func(string, int) {})
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, s := range all {
			require.True(t, s.Right(), "%s: %+v", method.Name(), s)
		}
		for i, p := range j.Adapter.Params() {
			require.Equal(t, before[i], p.Data, p.Name)
		}
	}
}

// A gradient that is too long, has another sign, or lacks half of its elements is found, whichever kind it is of.
func TestSlopesFindWrongGradients(t *testing.T) {
	told := 0
	jobs, c := map[string]Job{}, config(t.TempDir())
	for _, method := range provable() {
		jobs[method.Name()] = job(t, method, 2)
	}
	for name, spoil := range map[string]func(i int, g float32) float32{
		"too long":       func(_ int, g float32) float32 { return 1.01 * g },
		"another sign":   func(_ int, g float32) float32 { return -g },
		"lacks elements": func(i int, g float32) float32 { return float32(i%2) * g },
	} {
		for method, j := range jobs {
			kinds, names := kindsOf(j.Adapter.Params())
			for _, kind := range names {
				all, err := Slopes(t.Context(), c, j, j.Training[:2], func(begun string, _ int) {
					if begun != kind {
						return
					}
					for _, p := range kinds[kind] {
						for i, g := range p.Grad {
							p.Grad[i] = spoil(i, g)
						}
					}
				})
				require.NoError(t, err)
				wrong := slices.ContainsFunc(all, func(s Slope) bool { return !s.Right() })
				tells := slices.ContainsFunc(all, func(s Slope) bool { return s.Kind == kind && s.Tells() })
				require.True(t, wrong || !tells, "%s %s of %s: %+v", kind, name, method, all)
				if tells {
					told++
				}
			}
		}
	}
	require.Greater(t, told, 60)
}

func TestResumingIsProven(t *testing.T) {
	for _, method := range provable() {
		c := config("")
		c.Type = method.Name()
		steps := 0
		fresh := func() (Job, error) { return job(t, method, 2), nil }
		require.NoError(t, ProveResume(t.Context(), c, t.TempDir(), fresh, func(n int) { steps = n }))
		require.Equal(t, ProofSteps, steps)
	}
}

// A run that continues with other data than it began with, and does not notice, is found.
func TestAWrongResumeIsFound(t *testing.T) {
	calls := 0
	err := ProveResume(t.Context(), config(""), t.TempDir(), func() (Job, error) {
		j := job(t, lora, 2)
		if calls++; calls == 3 {
			slices.Reverse(j.Training)
		}
		return j, nil
	}, func(int) {})
	require.ErrorContains(t, err, "adapter_model.safetensors differs between the run that was stopped")
}
