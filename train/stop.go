package train

import (
	"fmt"

	"fettle/internal/human"
)

// stop is the ErrStopped of a run that was stopped after a step.
type stop struct{ step, of int }

func (s stop) Error() string {
	if s.step == 0 {
		return "stopped before the first step; the same command begins the run again"
	}
	return fmt.Sprintf("stopped after step %s of %s; the state is kept, and the same command continues it",
		human.Count(s.step), human.Count(s.of))
}

func (stop) Unwrap() error { return ErrStopped }
