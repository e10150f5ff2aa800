package train

import (
	"errors"
	"fmt"

	"fettle/adapter"
)

// definitions numbers the meanings of settings. A state.json of 0 is from before 1, when the schedule constant had a
// warm-up, dataloader_drop_last dropped the incomplete step of an epoch, norms and biases had weight decay, and runs
// that continued an adapter stated defaults for its settings.
const definitions = 1

// update expresses the settings of an earlier run, with a checkpoint in dir, as they are meant now, given those of the
// continued run and the number of examples. It errs where the same settings now mean something else.
func (s *state) update(dir string, c Config, examples int) error {
	if s.Definitions >= definitions {
		return nil
	}
	s.Definitions = definitions
	old := &s.Config
	if m, err := adapter.Continued(dir, nil); err == nil && old.Adapter != "" && m.Name() == old.Type {
		old.Methods.Set(m)
	}
	var wrong []error
	refuse := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if old.Schedule == "constant" && old.WarmupSteps+old.WarmupRatio > 0 {
		if old.Schedule = "constant_with_warmup"; c.Schedule == "constant" {
			refuse("lr_scheduler_type constant had a warm-up when the run began and has none now; with %s the run "+
				"continues as it began", old.Schedule)
		}
	}
	if step := old.BatchSize * old.Accumulation; old.DropLast && step > 0 {
		kept, now := min(examples, max(1, examples/step)*step), newSteps(*old, examples).kept
		if kept != now {
			refuse("dataloader_drop_last dropped the incomplete step of an epoch when the run began, %d of %d examples, and "+
				"drops the incomplete micro-batch now, %d of them", examples-kept, examples, examples-now)
		}
	}
	if old.Type == adapter.TypeFull && old.WeightDecay > 0 {
		refuse("weight_decay %v was that of norms and biases too when the run began, which have none now", old.WeightDecay)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %w; take another output_dir, or finish the run with the version of fettle that began it",
		ErrRefused, errors.Join(wrong...))
}
