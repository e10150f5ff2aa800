package main

import (
	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/model"
	"fettle/train"
)

// checkMethod refuses settings of a new adapter that are wrong for its base.
func checkMethod(c train.Config, base *model.Config) error {
	if c.Adapter != "" {
		return nil
	}
	method, err := c.Method()
	if err == nil {
		err = method.Check(base)
	}
	return usage(err)
}

// fit holds the settings of a run against the size of its data. It logs those that do not fit, and refuses where
// nothing sensible is left.
func (m *runData) fit(log zerolog.Logger, c train.Config, stated func(key string) bool) ([]train.Misfit, error) {
	found := c.Misfits(m.counts(stated))
	if method, err := c.Method(); err == nil && c.Adapter == "" {
		for _, d := range adapter.Doubts(method, m.shape) {
			found = append(found, train.Misfit{Key: d.Key, Text: d.Text})
		}
	}
	if err := train.Unfit(found); err != nil {
		return nil, usage(err)
	}
	for _, f := range found {
		log.Warn().Msg(f.Text)
	}
	return found, nil
}

// counts returns the numbers that settings have to fit.
func (m *runData) counts(stated func(key string) bool) train.Counts {
	return train.Counts{Training: len(m.training.Examples), Held: len(m.evaluation.Examples), Doubles: m.duplicates,
		Stated: stated}
}
