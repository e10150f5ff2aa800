package train

import (
	"errors"
	"fmt"
	"strings"

	"fettle/data"
)

// Counts holds the numbers of a run's data that its settings have to fit.
type Counts struct {
	Training, Held int // examples
	Doubles        int // examples left out of training, as the evaluation holds the same

	Stated func(key string) bool // whether the user wrote the setting, be its value the default or not; nil: unknown
}

// Misfit is a setting that does not fit the data: a warning or, where nothing sensible is left, an error.
type Misfit struct {
	Key   string `json:"key"`
	Text  string `json:"text"` // both numbers, and what to write instead
	Fatal bool   `json:"-"`
}

// Unfit returns one error of the fatal ones, nil if there is none.
func Unfit(all []Misfit) error {
	var lines []string
	for _, m := range all {
		if m.Fatal {
			lines = append(lines, m.Text)
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// misfits collects them.
type misfits []Misfit

func (m *misfits) add(does bool, key, format string, args ...any) {
	if does {
		*m = append(*m, Misfit{Key: key, Text: fmt.Sprintf(key+" "+format, args...)})
	}
}

func (m *misfits) refuse(does bool, key, format string, args ...any) {
	if does {
		*m = append(*m, Misfit{Key: key, Text: fmt.Sprintf(key+" "+format, args...), Fatal: true})
	}
}

// Largest shares and numbers without a warning.
const (
	mostHeld   = 0.25 // of the examples are held out
	mostPasses = 20   // over the data by max_steps
)

// Misfits lists the settings that do not fit data of this size. The settings must be valid. Defaults that do nothing
// in a short run, such as save_steps, are no misfits unless the user stated them.
func (c Config) Misfits(n Counts) []Misfit {
	var m misfits
	c.fitHeld(&m, n)
	c.fitEpoch(&m, n)
	if s := newSteps(c, n.Training); n.Training > 0 {
		c.fitRates(&m, s.total)
		c.fitIntervals(&m, s.total, n)
		c.fitBest(&m, s.total, n.Held > 0)
	}
	return m
}

// fitHeld checks the evaluation set.
func (c Config) fitHeld(m *misfits, n Counts) {
	left, needed := n.Training+n.Doubles, c.Patience > 0 || c.LoadBest
	all := left + n.Held
	if len(c.EvalDataset) > 0 {
		m.refuse(n.Held == 0, "eval_dataset", "has no example that can be evaluated, of %s",
			strings.Join(c.EvalDataset, ", "))
		m.add(n.Held > left && n.Training > 0, "eval_dataset", "has %d examples, more than the %d to learn from, so that "+
			"each evaluation takes about as long as an epoch: shorten it, or evaluate seldom", n.Held, left)
		return
	}
	if c.ValSize == 0 {
		return
	}
	instead := data.FewerHeld(n.Held, all)
	switch text := "is %v, and of %d examples none is held out: %s"; {
	case n.Held == 0:
		if all > 1 {
			instead = fmt.Sprintf("set it to a number of examples, such as %d", max(1, all/10))
		}
		m.refuse(needed, "val_size", text, c.ValSize, all, instead)
		m.add(!needed, "val_size", text, c.ValSize, all, instead)
	case c.ValSize > float64(max(1, left)) && n.Held > left: // not by the pieces of a row that stay together
		m.refuse(true, "val_size", "is %v, which leaves %d of %d examples to learn from: %s",
			c.ValSize, left, all, instead)
	default:
		m.add(float64(n.Held) > mostHeld*float64(all), "val_size",
			"is %v: %d of %d examples are held out, more than a quarter: %s",
			c.ValSize, n.Held, all, instead)
	}
}

// fitEpoch checks the size of a step and the length of the run in epochs.
func (c Config) fitEpoch(m *misfits, n Counts) {
	if n.Training == 0 {
		return
	}
	m.refuse(c.DropLast && n.Training < c.BatchSize, "dataloader_drop_last",
		"drops all %d examples: they are fewer than per_device_train_batch_size %d; set that to %d or fewer",
		n.Training, c.BatchSize, n.Training)
	step := c.BatchSize * c.Accumulation
	whole := step > n.Training && step > Defaults().BatchSize
	m.add(whole && c.BatchSize < n.Training, "gradient_accumulation_steps",
		"is %d: %d × %d sequences in a step are more than the %d examples, so that each epoch is one step: set it to %d",
		c.Accumulation, c.BatchSize, c.Accumulation, n.Training, max(1, n.Training/(4*c.BatchSize)))
	m.add(whole && c.BatchSize >= n.Training, "per_device_train_batch_size",
		"is %d, and there are %d examples, so that each epoch is one step: set it to %d, gradient_accumulation_steps to 1",
		c.BatchSize, n.Training, max(1, n.Training/4))
	s := newSteps(c, n.Training)
	m.add(c.MaxSteps > mostPasses*s.perEpoch, "max_steps",
		"is %d: %.0f passes over the %d examples, %d steps each: set it to %d, 3 passes, or fewer",
		c.MaxSteps, s.epochs(s.total), n.Training, s.perEpoch, 3*s.perEpoch)
}
