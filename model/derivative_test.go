package model_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model"
)

// everywhere attaches a delta to every place from layer 1 up; the function returns their gradients.
func everywhere(t *testing.T, m *model.Model) (*model.Model, func() [][]float32) {
	adapted, deltas := attach(m.With(nil), 1, model.Places()...)
	return adapted, func() (all [][]float32) {
		for _, d := range deltas {
			all = append(all, d.grad)
		}
		return all
	}
}

func TestDerivativesThatAreEqualGiveEqualBits(t *testing.T) {
	tokens, labels := sequences(40, 9, 5, 12)
	for name, dev := range devices(t) {
		t.Run(name, func(t *testing.T) {
			base := load(t, tinymodel.Config{}, dev)
			m, want := everywhere(t, base)
			losses, err := m.Gradients(model.Pack(tokens, labels), model.Uniform(0.25))
			require.NoError(t, err)
			m, got := everywhere(t, base)
			again, err := m.Gradients(model.Pack(tokens, labels), model.Of(func(nll []float64) []float64 {
				require.Equal(t, losses, nll)
				return []float64{0.25, 0.25, 0.25}
			}))
			require.NoError(t, err)
			require.Equal(t, losses, again)
			require.Equal(t, want(), got())
		})
	}
}

// The derivative of log σ(nll₁ − nll₀), a preference of sequence 0 over sequence 1, is a sum of the two sequences' own.
func TestAPreferenceOverPairsIsASumOfItsSequences(t *testing.T) {
	tokens, labels := sequences(40, 9, 12)
	for name, dev := range devices(t) {
		t.Run(name, func(t *testing.T) {
			base := load(t, tinymodel.Config{}, dev)
			m, pair := everywhere(t, base)
			var dnll []float64
			_, err := m.Gradients(model.Pack(tokens, labels), model.Of(func(nll []float64) []float64 {
				d := 1 / (1 + math.Exp(nll[1]-nll[0]))
				dnll = []float64{d, -d}
				return dnll
			}))
			require.NoError(t, err)
			one, parts := everywhere(t, base)
			for i := range tokens {
				_, err := one.Gradients(model.Pack(tokens[i:i+1], labels[i:i+1]), model.Uniform(dnll[i]))
				require.NoError(t, err)
			}
			require.Equal(t, parts(), pair())
		})
	}
}

func TestDerivativesFitTheBatch(t *testing.T) {
	tokens, labels := branches(1, 14, 6, 9)
	m, _ := everywhere(t, load(t, tinymodel.Config{}, fast(t, 1)))
	ones := func(n int) model.Derivative {
		return model.Of(func([]float64) []float64 { return slices.Repeat([]float64{1}, n) })
	}
	_, err := m.Gradients(model.Pack(tokens, labels), ones(1))
	require.EqualError(t, err, "model: derivatives for 1 segments, want 2")
	_, err = m.Gradients(model.PackShared(tokens, labels), ones(3))
	require.ErrorContains(t, err, "without shared prefixes")
}
