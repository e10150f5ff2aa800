package model

import "fmt"

// FirstNotFinite runs a batch forward and names the first place whose output has a number that is not finite: "the
// embedding", a layer, or "the head", whose output are the losses. It returns "" where all are finite.
func (m *Model) FirstNotFinite(b *Batch) (string, error) {
	if err := m.check(b); err != nil {
		return "", err
	}
	size := len(b.Tokens) * m.config.Hidden
	x, out := make([]float32, size), make([]float32, size)
	if err := m.lookUp(x, b); err != nil {
		return "", err
	}
	if !finite(x) {
		return "the embedding", nil
	}
	for l := range m.config.Layers {
		s := m.stateOf(l, 0)
		s.x = x
		if err := m.forward(l, s, out, b, nil, nil); err != nil {
			return "", err
		}
		if x, out = out, x; !finite(x) {
			return fmt.Sprintf("layer %d", l), nil
		}
	}
	losses, err := m.losses(b, nil, x, nil)
	for _, l := range losses {
		if l-l != 0 {
			return "the head", err
		}
	}
	return "", err
}

func finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}
