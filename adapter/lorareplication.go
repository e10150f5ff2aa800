package adapter

import (
	"fmt"

	"fettle/model"
)

// shape returns the dimensions of the adapted model: those of the base with the layers of layer_replication.
func (l LoRA) shape(c *model.Config) *model.Config {
	if len(l.Replication) == 0 {
		return c
	}
	return c.Repeated(l.order())
}

// order lists the base's layer at every layer of the adapted model; nil: each at its own.
func (l LoRA) order() []int {
	var order []int
	for _, r := range l.Replication {
		for layer := r[0]; layer < r[1]; layer++ {
			order = append(order, layer)
		}
	}
	return order
}

// maxReplicated bounds the layers of the adapted model.
const maxReplicated = 1 << 10

// on returns the model whose layers are adapted.
func (l LoRA) on(m *model.Model) (*model.Model, error) {
	if len(l.Replication) == 0 {
		return m, nil
	}
	return m.Repeat(l.order())
}

// checkReplication returns an error unless the ranges are of layers that the base has.
func (l LoRA) checkReplication(c *model.Config) error {
	if len(l.Replication) > 0 && len(l.Modules) > 0 {
		return fmt.Errorf("layer_replication and modules_to_save are set, which is not supported together")
	}
	n := 0
	for _, r := range l.Replication {
		if r[0] < 0 || r[1] <= r[0] || r[1] > c.Layers {
			return fmt.Errorf("layer_replication has layers %d to %d, the base has 0 to %d", r[0], r[1]-1, c.Layers-1)
		}
		n += r[1] - r[0]
	}
	if n > maxReplicated {
		return fmt.Errorf("layer_replication makes %d layers, want at most %d", n, maxReplicated)
	}
	return nil
}
