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
	scratch := &togetherScratch{}
	return m.With(func(at model.Site) model.Delta {
		t := &together{dev: m.Device(), scratch: scratch}
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
	dev     compute.Device
	scratch *togetherScratch
	deltas  []model.Delta
	weights []float32
}

// togetherScratch is shared by all sites.
type togetherScratch struct{ before, minus, change []float32 } // (n, width): y, −y, w_i·(d_i(y) − y)

// Forward adds up the changes.
func (t *together) Forward(y, x []float32, b *model.Batch) error {
	s := t.scratch
	before, minus := compute.Resize(&s.before, len(y)), compute.Resize(&s.minus, len(y))
	change := compute.Resize(&s.change, len(y))
	t.dev.Copy(before, y)
	t.dev.Copy(minus, y)
	t.dev.Scale(minus, -1)
	for i, d := range t.deltas {
		t.dev.Copy(change, before)
		if err := d.Forward(change, x, b); err != nil {
			return err
		}
		t.dev.Add(change, minus)
		t.dev.Scale(change, t.weights[i])
		t.dev.Add(y, change)
	}
	return nil
}

// Backward is not supported.
func (t *together) Backward(_, _, _, _ []float32, _ *model.Batch) error {
	return errors.New("adapters that are used together are not trained")
}
