package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"fettle/data/lint"
	"fettle/internal/human"
)

// warn logs the rules of the linter that the data breaks and that do not stop the run. Notes are for fettle inspect;
// the log of the data says how many rows are longer than max_seq_length, as over_long expects them.
func (m *runData) warn(log zerolog.Logger) {
	report := &m.training.Report
	for _, rule := range lint.Rules() {
		expected := rule.Name == lint.OverLong && slices.Contains(report.Accepted, rule.Name)
		if report.Counts[rule.Name] > 0 && report.Severity(rule) != lint.Note && !expected {
			log.Warn().Msg(m.finding(rule))
		}
	}
	for _, rule := range lint.Rules() {
		if n := report.Fixed[rule.Name]; n > 0 {
			log.Info().Msgf("%s: %s repaired", rule.Name, human.Plural(n, "row"))
		}
	}
}

// finding describes a broken rule: how many rows break it, the first of them, and what to do.
func (m *runData) finding(rule lint.Rule) string {
	r := &m.training.Report
	n := r.Counts[rule.Name]
	text := rule.Name + ": " + human.Plural(n, "row")
	if n > 1 && r.Rows > 0 && n <= r.Rows {
		text = fmt.Sprintf("%s: %s of %s (%s)", rule.Name, human.Count(n), human.Plural(r.Rows, "row"), percent(n, r.Rows))
	}
	if i := slices.IndexFunc(r.Findings, func(f lint.Finding) bool { return f.Rule == rule.Name }); i >= 0 {
		f := r.Findings[i]
		switch first := withoutDirectory(strings.TrimPrefix(f.Source+": "+f.Text, ": "), f.Source); {
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
	text += "\n  → " + r.Advice(rule)
	if rule.Fixable && r.Fixed[rule.Name] == 0 {
		text += " (--fix does)"
	}
	return text
}

// withoutDirectory shortens paths of files in the directory of source: the settings name it.
func withoutDirectory(text, source string) string {
	at := strings.LastIndexByte(source, filepath.Separator)
	if at < 0 {
		return text
	}
	return strings.ReplaceAll(text, source[:at+1], "")
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
