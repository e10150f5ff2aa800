// Package lint finds faults in a data set: rules over conversations,
// over examples and over the set as a whole, collected in a report, and the
// repairs that are safe.
package lint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/suggest"
)

// Finding is one breach of a rule, in one row or in the set as a whole.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Source   string   `json:"source,omitempty"` // file:line
	Text     string   `json:"text"`
}

// Report collects findings and counts of a data set.
type Report struct {
	Rows     int            `json:"rows"`
	Counts   map[string]int `json:"counts"`             // findings by rule
	Findings []Finding      `json:"findings"`           // the first of each rule
	Fixed    map[string]int `json:"fixed,omitempty"`    // rows repaired, by rule
	Accepted []string       `json:"accepted,omitempty"` // rules that the settings chose to break
	Longest  bool           `json:"-"`                  // max_seq_length cannot be raised: the base has no more positions
}

// shownOfARule is the number of findings that a report keeps of one rule.
const shownOfARule = 20

// Add records a finding; source is "" for one about the whole set.
func (r *Report) Add(rule, source, format string, args ...any) {
	if r.Counts == nil {
		r.Counts = map[string]int{}
	}
	if r.Counts[rule]++; r.Counts[rule] <= shownOfARule {
		r.Findings = append(r.Findings, Finding{Rule: rule, Source: source, Text: fmt.Sprintf(format, args...)})
	}
}

// AddRows records a finding that n rows share, the first of them at source.
func (r *Report) AddRows(rule, source string, n int, text string) {
	r.Add(rule, source, "%s", text)
	r.Counts[rule] += n - 1
}

// Settle sets the severities of all findings, which depend on their number, and
// sorts the findings by rule.
func (r *Report) Settle() {
	place := map[string]int{}
	for i, rule := range Rules() {
		place[rule.Name] = i
		for k := range r.Findings {
			if f := &r.Findings[k]; f.Rule == rule.Name {
				f.Severity = r.Severity(rule)
			}
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return place[a.Rule] - place[b.Rule] })
}

// Severity returns the severity of a rule, given the share of rows that break it.
func (r *Report) Severity(rule Rule) Severity {
	if !slices.Contains(r.Accepted, rule.Name) && r.Exceeds(rule.Name, r.Counts[rule.Name]) {
		return Error
	}
	return rule.Severity
}

// Exceeds reports whether n rows are more than the limit of a rule.
func (r *Report) Exceeds(name string, n int) bool {
	i := slices.IndexFunc(Rules(), func(rule Rule) bool { return rule.Name == name })
	limit := Rules()[i].Limit
	return limit > 0 && float64(n) > limit*float64(max(r.Rows, 1))
}

// Accept makes a rule never an error: the settings chose what breaks it.
func (r *Report) Accept(name string) {
	if !slices.Contains(r.Accepted, name) {
		r.Accepted = append(r.Accepted, name)
	}
}

// Advice says what to do about a rule that is broken.
func (r *Report) Advice(rule Rule) string {
	if rule.Name == OverLong && slices.Contains(r.Accepted, OverLong) {
		return "over_long says what becomes of them"
	}
	if text := longestAdvice()[rule.Name]; r.Longest && text != "" {
		return text
	}
	return rule.Fix
}

// Errors returns the findings that stop a run: those of severity Error whose rule is
// not allowed. It fails if allow has an unknown name.
func (r *Report) Errors(allow []string) ([]Finding, error) {
	var names []string
	for _, rule := range Rules() {
		names = append(names, rule.Name)
	}
	for _, name := range allow {
		if !slices.Contains(names, name) {
			return nil, suggest.Unknown("rule", name, names)
		}
	}
	var out []Finding
	for _, f := range r.Findings {
		if f.Severity == Error && !slices.Contains(allow, f.Rule) {
			out = append(out, f)
		}
	}
	return out, nil
}

// String lists each broken rule with its first rows and advice. Files that follow in the same directory go without it.
func (r *Report) String() string {
	var b strings.Builder
	dir := ""
	for _, rule := range Rules() {
		count := r.Counts[rule.Name]
		if count == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s %s: %d\n", r.Severity(rule), rule.Name, count)
		shown := 0
		for _, f := range r.Findings {
			if f.Rule == rule.Name && shown < 3 {
				place := f.Source
				if in := filepath.Dir(place); place != "" && in == dir {
					place = filepath.Base(place)
				} else if place != "" {
					dir = in
				}
				fmt.Fprintf(&b, "    %s\n", strings.TrimPrefix(place+": "+f.Text, ": "))
				shown++
			}
		}
		fmt.Fprintf(&b, "    → %s", r.Advice(rule))
		if rule.Fixable && r.Fixed[rule.Name] == 0 {
			b.WriteString(" (--fix does)")
		}
		b.WriteString("\n")
	}
	for _, rule := range Rules() {
		if n := r.Fixed[rule.Name]; n > 0 {
			fmt.Fprintf(&b, "fixed %s: %d\n", rule.Name, n)
		}
	}
	if b.Len() == 0 {
		return fmt.Sprintf("no findings in %d rows\n", r.Rows)
	}
	return b.String()
}
