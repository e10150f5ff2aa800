package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"

	"fettle/adapter"
	"fettle/internal/console"
	"fettle/internal/human"
	"fettle/model"
	"fettle/train"
)

// statusOf returns the function that updates the status line of an output, nil if it has none.
func statusOf(out io.Writer) func(forms ...string) {
	if to, ok := out.(*console.Stream); ok && to.Live() {
		return to.Status
	}
	return nil
}

// bare returns the output itself, for what moves its cursor.
func bare(out io.Writer) io.Writer {
	if to, ok := out.(*console.Stream); ok {
		return to.Below()
	}
	return out
}

// log reports the data of a run, and as a warning the rows that were not taken as they are.
func (m *runData) log(log zerolog.Logger, c train.Config) {
	s, held := m.training, len(m.evaluation.Examples)
	text := fmt.Sprintf("Data: %s make %s of %s, %s of which are learned.", human.Plural(s.Rows, "row"),
		human.Plural(len(s.Examples), "example"), human.Plural(s.Tokens, "token"), human.Count(s.Learned))
	if held > 0 {
		text += fmt.Sprintf(" %s held out.", human.Plural(held, "further example"))
	}
	log.Info().Int("rows", s.Rows).Int("examples", len(s.Examples)).Int("evaluation", held).Int("tokens", s.Tokens).
		Int("learned", s.Learned).Int("without_learned", s.Silent).Msg(text)
	changed := m.changed(c)
	if len(changed) == 0 {
		return
	}
	log.Warn().Int("max_seq_length", c.Cutoff).Int("keeps_95_percent", s.Keeps(0.95)).Int("keeps_all", s.Keeps(1)).
		Int("cut", s.Cut).Int("dropped", s.Dropped).Int("split", s.Split).Int("unreadable", s.BadRows).
		Int("cleaned_out", s.Cleaned).Int("labelled_false", s.Refused).
		Int("held_out_elsewhere", m.duplicates).Strs("first_unreadable", s.Bad).
		Str("left_out", s.LeftOut()).Msg(strings.Join(changed, "\n  "))
}

// changed says which rows were not taken as they are, a sentence for each reason.
func (m *runData) changed(c train.Config) (said []string) {
	s := m.training
	for _, r := range []struct {
		n    int
		what string
	}{
		{s.Cut, fmt.Sprintf("longer than %s and cut", human.Plural(c.Cutoff, "token"))},
		{s.Dropped, fmt.Sprintf("longer than %s and left out", human.Plural(c.Cutoff, "token"))},
		{s.Split, fmt.Sprintf("longer than %s and split", human.Plural(c.Cutoff, "token"))},
		{s.Cleaned, "left out because nothing remains when they are cleaned"},
		{s.Refused, "left out because they are labelled as false"},
		{m.duplicates, "left out because the held-out examples hold the same"},
	} {
		if r.n > 0 {
			said = append(said, fmt.Sprintf("%s %s.", rowsAre(r.n), r.what))
		}
	}
	if n := s.Cut + s.Dropped + s.Split; n > 0 {
		text := fmt.Sprintf("A max_seq_length of %s would keep 95 %% of the rows whole, %s all of them",
			human.Count(s.Keeps(0.95)), human.Count(s.Keeps(1)))
		if m.shape.MaxPositions < s.Keeps(1) {
			text += fmt.Sprintf("; the base has positions for %s", human.Count(m.shape.MaxPositions))
		}
		said = append(said, text+".")
	}
	if s.BadRows > 0 {
		said = append(said, fmt.Sprintf("%s left out because they cannot be read, the first at %s.", rowsAre(s.BadRows),
			strings.Join(s.Bad, "; ")))
	}
	return said
}

// rowsAre begins a sentence about rows.
func rowsAre(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return human.Count(n) + " rows are"
}

// log says what the run needs.
func (b *estimate) log(log zerolog.Logger) {
	shares := ""
	if b.Shares {
		shares = " Prefixes that sequences have in common are computed once (share_prefix)."
	}
	log.Info().Int64("memory", b.Total).Int64("disk", b.Disk).Int("steps", b.Workload.Steps).
		Bool("share_prefix", b.Shares).Msgf("The run has %s and needs about %s of memory and %s of disk.%s",
		human.Plural(b.Workload.Steps, "step"), human.Bytes(b.Total), human.Bytes(b.Disk), shares)
}

// logModel says what is trained.
func logModel(log zerolog.Logger, c train.Config, base *model.Model, set *adapter.Set) {
	trained := "all of them are trained"
	if c.Type != adapter.TypeFull {
		trained = fmt.Sprintf("%s more are trained (%s)", human.Count(set.Size()), c.Type)
	}
	log.Info().Str("base", c.ModelName+c.Shape).Int("parameters", base.Config().Parameters()).
		Str("method", c.Type).Int("trainable", set.Size()).Str("compute", base.Device().Name()).
		Msgf("Model: %s has %s; %s. Device: %s.", c.ModelName+c.Shape, human.Plural(base.Config().Parameters(), "parameter"),
			trained, base.Device().Name())
	if c.Adapter != "" {
		log.Info().Str("adapter", c.Adapter).Msgf("The adapter in %s is trained further: %s.", c.Adapter, set)
	}
	for _, note := range set.Notes() {
		log.Info().Msg("Adapter: " + note)
	}
}
