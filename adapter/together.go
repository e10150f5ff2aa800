package adapter

import (
	"errors"

	"fettle/internal/compute"
	"fettle/model"
)

// Together returns a view of the base m with several adapters at once, each of which changes a site's output y by its
// weight times the change that it makes alone. It serves inference only. Adapters with modules, layers or a vocabulary
// of their own cannot be together with others.
func Together(m *model.Model, sets []*Set, weights []float64) (*model.Model, error) {
	if len(sets) == 1 && weights[0] == 1 {
		return sets[0].Model(), nil
	}
	for _, s := range sets {
		if s.view != s.model || s.model != m {
			return nil, errors.New("an adapter with modules, layers or a vocabulary of its own, beside another one or with a " +
				"weight other than 1, can be merged, but not used without")
		}
	}
	return m.With(func(at model.Site) model.Delta {
		t := &together{}
		for i, s := range sets {
			if d := s.Delta(at); d != nil {
				t.deltas, t.weights = append(t.deltas, d), append(t.weights, float32(weights[i]))
			}
		}
		if t.deltas == nil {
			return nil
		}
		return t
	}), nil
}

// together is y += Σ_i w_i·(d_i(y) − y).
type together struct {
	deltas  []model.Delta
	weights []float32

	before, after []float32
}

// Forward adds up the changes.
func (t *together) Forward(y, x []float32, b *model.Batch) error {
	before, after := compute.Resize(&t.before, len(y)), compute.Resize(&t.after, len(y))
	copy(before, y)
	for i, d := range t.deltas {
		copy(after, before)
		if err := d.Forward(after, x, b); err != nil {
			return err
		}
		for j, v := range after {
			y[j] += t.weights[i] * (v - before[j])
		}
	}
	return nil
}

// Backward is not supported.
func (t *together) Backward(_, _, _, _ []float32, _ *model.Batch) error {
	return errors.New("adapters that are used together are not trained")
}
