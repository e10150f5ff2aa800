package adapter

import (
	"fmt"
	"slices"
)

// String tells what the adapter computes, for people: its scale, as forms and programs state scales in different ways.
func (s *Set) String() string {
	switch m := s.method.(type) {
	case LoRA:
		return m.describe(s)
	case LLaMAAdapter:
		return fmt.Sprintf("%s: prompts of %d in the top %d layers, gates %s, activation %s", m.Name(), m.Len, m.Layers,
			m.Gate, m.GateActivation)
	}
	return s.method.Name()
}

func (l LoRA) describe(s *Set) string {
	sites, err := l.sites(s.config)
	if err != nil {
		return l.Name()
	}
	var ranks, scales []float64
	for _, at := range sites {
		ranks, scales = append(ranks, float64(at.form.r)), append(scales, float64(at.form.s))
	}
	return fmt.Sprintf("%s: %d modules, rank %s, scale %s", l.Name(), len(sites), span(ranks), span(scales))
}

// span returns the number that all are, or the least and the greatest.
func span(x []float64) string {
	low, high := slices.Min(x), slices.Max(x)
	if low == high {
		return fmt.Sprintf("%.4g", low)
	}
	return fmt.Sprintf("%.4g to %.4g", low, high)
}
