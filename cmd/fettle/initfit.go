package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"fettle/data/lint"
	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/internal/settings"
	"fettle/model/chat"
	"fettle/train"
)

// longestRaised bounds the max_seq_length that init chooses: longer sequences take much more memory.
const longestRaised = 2048

// fitting adapts settings that are not given to a model and a data set, so that the run begins.
type fitting struct {
	config *train.Config
	given  func(key string) bool
	out    io.Writer // progress
	notes  []string  // what was changed and why
}

// recipe replaces a recipe that is not given and cannot lay out the data by one that can.
func (f *fitting) recipe() error {
	c := f.config
	if f.given("recipe") {
		return nil
	}
	names := []string{c.Recipe}
	if where, err := locatedModel(c.ModelName); err == nil {
		if t, err := chat.ReadTemplate(where); err == nil && t.Path != "" {
			names = append(names, chat.OwnTemplate)
		}
	}
	var first error
	for _, name := range append(names, "vicuna") {
		tried := *c
		tried.Recipe = name
		_, err := readRunData(&tried, f.out)
		if err == nil {
			change(f, "recipe", &c.Recipe, name, "as the data is of conversations")
			return nil
		}
		if first == nil {
			first = err
		}
		if fault.Of(err) != fault.Input {
			break
		}
	}
	return first
}

// positions bounds a published max_seq_length.
func (f *fitting) positions() error {
	shape, _, err := baseShape(*f.config)
	if err == nil && !f.given("max_seq_length") && f.config.Cutoff > shape.MaxPositions {
		change(f, "max_seq_length", &f.config.Cutoff, shape.MaxPositions, "the positions of the model")
	}
	return err
}

// fit adapts the other settings.
func (f *fitting) fit() error {
	resolved, m, err := f.read()
	if err != nil {
		return err
	}
	for _, adapt := range []func(train.Config, *runData) bool{f.raise, f.shorten, f.repair} {
		if !adapt(resolved, m) {
			continue
		}
		if resolved, m, err = f.read(); err != nil {
			return err
		}
	}
	f.steps(m)
	f.intervals(m)
	resolved = f.resolved(resolved)
	if err := m.check(resolved); err != nil {
		return err
	}
	if err := train.Unfit(resolved.Misfits(m.counts(f.given))); err != nil {
		return usage(err)
	}
	return f.memory(resolved, m)
}

// read reads the data with the settings so far, which it returns with all that depends on the model filled in.
func (f *fitting) read() (train.Config, *runData, error) {
	resolved := *f.config
	m, err := readRunData(&resolved, f.out)
	return resolved, m, err
}

// resolved returns settings that were filled in before, with the lengths of steps as they are now.
func (f *fitting) resolved(before train.Config) train.Config {
	before.BatchSize, before.Accumulation = f.config.BatchSize, f.config.Accumulation
	before.WarmupSteps, before.WarmupRatio = f.config.WarmupSteps, f.config.WarmupRatio
	before.SaveSteps, before.LoggingSteps = f.config.SaveSteps, f.config.LoggingSteps
	return before
}

// fails reports whether the data breaks a rule so often that the run would be refused.
func fails(m *runData, names ...string) bool {
	return slices.ContainsFunc(m.training.Report.Findings, func(f lint.Finding) bool {
		return f.Severity == lint.Error && slices.Contains(names, f.Rule)
	})
}

// raise sets the max_seq_length that leaves most rows whole, where most would be cut.
func (f *fitting) raise(c train.Config, m *runData) bool {
	longest := min(m.shape.MaxPositions, longestRaised, (m.training.Keeps(0.95)+63)/64*64)
	if f.given("max_seq_length") || longest <= c.Cutoff || !fails(m, lint.OverLong, lint.NoLearnedTokens) {
		return false
	}
	change(f, "max_seq_length", &f.config.Cutoff, longest, fmt.Sprintf("not %d: most rows are longer", c.Cutoff))
	return true
}

// shorten chooses what happens to longer rows, where there are many. Questions are cut where answers would be lost.
func (f *fitting) shorten(_ train.Config, m *runData) bool {
	if f.given("over_long") || !fails(m, lint.OverLong, lint.NoLearnedTokens) {
		return false
	}
	policy, why := "truncate", "as most rows are longer than max_seq_length"
	if fails(m, lint.NoLearnedTokens) {
		policy, why = "truncate_prompt", "as many questions alone are longer than max_seq_length"
	}
	change(f, "over_long", &f.config.OverLong, policy, why)
	return true
}

// repair sets fix where findings that it repairs would stop the run.
func (f *fitting) repair(_ train.Config, m *runData) bool {
	for _, rule := range lint.Rules() {
		if rule.Fixable && !f.given("fix") && fails(m, rule.Name) {
			change(f, "fix", &f.config.Fix, true, "as the data breaks the rule "+rule.Name)
			return true
		}
	}
	return false
}

// steps adapts published sizes of steps and warm-ups to the number of examples.
func (f *fitting) steps(m *runData) {
	c, n := f.config, len(m.training.Examples)
	if per := c.BatchSize * c.Accumulation; per > n/4 && c.Accumulation > 1 && !f.given("gradient_accumulation_steps") {
		change(f, "gradient_accumulation_steps", &c.Accumulation, max(1, n/(8*c.BatchSize)),
			fmt.Sprintf("as %d sequences in a step are many of %s examples", per, human.Count(n)))
	}
	steps := train.NewWorkload(*c, m.training.Examples, nil).Steps
	if warm := c.WarmupSteps; warm > 1 && warm > float64(steps)/4 && !f.given("warmup_steps") {
		change(f, "warmup_steps", &c.WarmupSteps, float64(steps/20), fmt.Sprintf("not %v, as the run has %d", warm, steps))
	}
}

// intervals shortens what is done every so many steps, where the run has fewer.
func (f *fitting) intervals(m *runData) {
	c := f.config
	steps := train.NewWorkload(*c, m.training.Examples, nil).Steps
	for key, at := range map[string]*int{"save_steps": &c.SaveSteps, "logging_steps": &c.LoggingSteps} {
		if *at > steps && !f.given(key) {
			*at = max(1, steps/3)
		}
	}
}

// memory changes settings with which the run would not fit.
func (f *fitting) memory(resolved train.Config, m *runData) error {
	b, err := newEstimate(resolved, m)
	if err != nil {
		return err
	}
	if b.Fits || b.Changed > b.Limit || len(b.Changes) == 0 {
		return b.check()
	}
	for _, to := range b.Changes {
		if f.given(to.Key) {
			return b.check()
		}
		field := settingOf(f.config, to.Key)
		if err := yaml.Unmarshal([]byte(to.Value), field.Addr().Interface()); err != nil {
			return errors.Join(b.check(), err)
		}
		f.note(to.Key, to.Value, "as memory is short: "+to.Note)
	}
	return nil
}

// change sets a setting and notes why.
func change[T comparable](f *fitting, key string, at *T, value T, why string) {
	if *at != value {
		*at = value
		f.note(key, fmt.Sprint(value), why)
	}
}

func (f *fitting) note(key, value, why string) {
	f.notes = append(f.notes, fmt.Sprintf("%s: %s, %s", key, value, why))
}

// standIn gives a config that names neither model nor data nor recipe those of the demonstration.
func (f *fitting) standIn(s *settings.Settings) bool {
	if !isDemo(*f.config, s) || f.given("recipe") {
		return false
	}
	demoSettings(f.config, f.given)
	f.config.Dataset = []string{worldQuestions}
	f.note("model_name_or_path", f.config.ModelName, "with its questions, until you name your model and dataset")
	return true
}
