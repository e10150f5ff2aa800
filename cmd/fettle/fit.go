package main

import (
	"github.com/rs/zerolog"

	"fettle/train"
)

// fit holds the settings of a run against the size of its data. It logs those that do not fit, and refuses where
// nothing sensible is left.
func (m *runData) fit(log zerolog.Logger, c train.Config, stated func(key string) bool) ([]train.Misfit, error) {
	s := m.training
	found := c.Misfits(train.Counts{
		Training: len(s.Examples), Held: len(m.evaluation.Examples), Doubles: m.duplicates,
		Stated: stated,
	})
	if err := train.Unfit(found); err != nil {
		return nil, usage(err)
	}
	for _, f := range found {
		log.Warn().Msg(f.Text)
	}
	return found, nil
}
