package model

import (
	"fmt"
	"slices"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// Own returns a view, without deltas, whose weights may be replaced, untied and unfrozen without a change to the other
// views. Until then it shares their arrays.
func (m *Model) Own() *Model {
	view, w, c := m.With(nil), *m.weights, *m.config
	w.blocks, w.shared = slices.Clone(w.blocks), true
	view.weights, view.config = &w, &c
	return view
}

// Untie makes embedding and head two weights of the same values, in a view of Own.
func (m *Model) Untie() { m.config.Tied = false }

// Repeat returns a view of Own whose layer l is layer order[l] of m. Layers that repeat share their weights. Kim et al.
// 2023, arXiv:2312.15166.
func (m *Model) Repeat(order []int) (*Model, error) {
	view := m.Own()
	view.weights.blocks = nil
	for _, l := range order {
		if l < 0 || l >= m.config.Layers {
			return nil, fmt.Errorf("model: no layer %d to repeat, there are %d", l, m.config.Layers)
		}
		view.weights.blocks = append(view.weights.blocks, m.weights.blocks[l])
	}
	view.config = m.config.Repeated(order)
	return view.With(nil), nil
}

// Repeated returns the dimensions of a model whose layer l is layer order[l] of one with dimensions c.
func (c *Config) Repeated(order []int) *Config {
	own := *c
	own.Layers = len(order)
	own.Arch.Windows, own.Arch.Rotations = pick(c.Arch.Windows, order), pick(c.Arch.Rotations, order)
	return &own
}

// pick returns all[order[0]], all[order[1]], …; nil of nil.
func pick[T any](all []T, order []int) (some []T) {
	if all == nil {
		return nil
	}
	for _, i := range order {
		some = append(some, all[i])
	}
	return some
}

// Vocabulary is an embedding and a head (V, D) in place of the base's own. A nil tensor leaves the base's.
type Vocabulary struct{ Embed, Head *checkpoint.Tensor }

// Replace puts another embedding and head into a view of Own, whose vocabulary then has as many tokens as they have
// rows. In a tied model, one without the other replaces both, and two untie it. The tensors' data must not change.
func (m *Model) Replace(v Vocabulary) error {
	c, w := m.config, m.weights
	embed, head := w.embed, w.head
	for _, r := range []struct {
		with *checkpoint.Tensor
		old  **compute.Matrix
	}{{v.Embed, &embed}, {v.Head, &head}} {
		if r.with == nil {
			continue
		}
		if _, ok := matrixTypes[r.with.Type]; !ok || len(r.with.Shape) != 2 || r.with.Shape[1] != c.Hidden {
			return fmt.Errorf("tensor %s: %s %v, want F32, BF16 or F16 in rows of %d", r.with.Name, r.with.Type, r.with.Shape,
				c.Hidden)
		}
		var err error
		if *r.old, err = newMatrix(*r.with); err != nil {
			return err
		}
	}
	switch {
	case c.Tied && v.Embed != nil && v.Head != nil:
		c.Tied = false
	case c.Tied && v.Embed != nil:
		head = embed
	case c.Tied:
		embed = head
	}
	if embed.N != head.N {
		return fmt.Errorf("the embedding has %d rows, the head %d", embed.N, head.N)
	}
	w.embed, w.head, c.Vocab = embed, head, embed.N
	return m.dev.Prepare(w.head)
}
