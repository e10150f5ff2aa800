package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"fettle/data/lint"
	"fettle/internal/human"
)

// warn logs the rules of the linter that the data breaks and that do not stop the run, a line each. Notes are for
// fettle inspect.
func (m *runData) warn(log zerolog.Logger) {
	report := &m.training.Report
	for _, rule := range lint.Rules() {
		if report.Counts[rule.Name] > 0 && report.Severity(rule) != lint.Note {
			log.Warn().Msg(m.finding(rule))
		}
	}
	for _, rule := range lint.Rules() {
		if n := report.Fixed[rule.Name]; n > 0 {
			log.Info().Msgf("%s: %s repaired", rule.Name, countRows(n))
		}
	}
}

// finding describes a broken rule: how many rows break it, the first of them, and what to do.
func (m *runData) finding(rule lint.Rule) string {
	r := &m.training.Report
	n := r.Counts[rule.Name]
	text := rule.Name + ": " + countRows(n)
	if n > 1 && r.Rows > 0 && n <= r.Rows {
		text = fmt.Sprintf("%s: %s of %s (%s)", rule.Name, human.Count(n), countRows(r.Rows), percent(n, r.Rows))
	}
	if i := slices.IndexFunc(r.Findings, func(f lint.Finding) bool { return f.Rule == rule.Name }); i >= 0 {
		f := r.Findings[i]
		switch first := strings.TrimPrefix(f.Source+": "+f.Text, ": "); {
		case f.Source == "":
			text = rule.Name + ": " + first
		case n > 1:
			text += ", the first " + first
		default:
			text += ", " + first
		}
	}
	if whole := m.training.Keeps(0.95); rule.Name == lint.OverLong {
		text += fmt.Sprintf("; %s would leave 95 %% of the rows whole, the base has positions for %s", human.Count(whole),
			human.Count(m.shape.MaxPositions))
	}
	text += "\n→ " + r.Advice(rule)
	if rule.Fixable && r.Fixed[rule.Name] == 0 {
		text += " (--fix does)"
	}
	return text
}

// countRows counts rows: 1 row, 2 rows.
func countRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return human.Count(n) + " rows"
}

// percent writes a share so that a small one is not 0: 48 %, 0.3 %, below 0.1 %.
func percent(n, of int) string {
	switch share := 100 * float64(n) / float64(of); {
	case share >= 10:
		return fmt.Sprintf("%.0f %%", share)
	case share >= 0.1:
		return fmt.Sprintf("%.1f %%", share)
	}
	return "below 0.1 %"
}
