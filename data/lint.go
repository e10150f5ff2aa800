package data

import (
	"fmt"
	"slices"
	"strings"
)

// Severity is what a finding means for a run.
type Severity string

// The severities. An error stops a run unless its rule is allowed.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Rule is something that can be wrong with a data set.
type Rule struct {
	Name     string
	Severity Severity
	Limit    float64 // the share of rows from which on it is an error; 0: never more than Severity says
	Fix      string  // what to do about it
	Fixable  bool    // Options.Fix does it
}

// Rules lists what is looked for.
func Rules() []Rule {
	return []Rule{
		{"no-learned-tokens", Warning, 0.05, "raise max_seq_length, or set over_long to drop or truncate_prompt; look at empty answers", false},
		{"end-not-learned", Warning, 0.05, "the model will not stop by itself: choose a recipe that ends answers, or raise max_seq_length", false},
		{"double-bos", Error, 0, "take the begin-of-sequence token out of the data or the template", false},
		{"template-mismatch", Error, 0, "use the recipe that the adapter was trained with", false},
		{"boundary-fusion", Note, 0, "the recipe's prompt ends where an answer's first sign can join its token: recipes with a line break or a space there do not have this", false},
		{"over-long", Warning, 0.5, "raise max_seq_length (the table says how far), or choose with over_long what happens", false},
		{"duplicate", Warning, 0.5, "rows that say the same count twice: take them out", true},
		{"leakage", Warning, 0.01, "rows of the evaluation are in the training too: take them out of one, or the held-out loss means little", false},
		{"empty-answer", Warning, 0.05, "rows without an answer teach the model to say nothing: take them out", true},
		{"identical-answers", Warning, 0.9, "one answer for many questions: is the right column mapped to the answer?", false},
		{"role-order", Warning, 0.2, "turns should alternate, user first, and end with an answer", true},
		{"control-tokens", Warning, 0.05, "the names of control tokens stand in the data's text, and the recipe makes control tokens of them, which end or begin a sequence: --parse_specials no keeps them text", false},
		{"control-names", Note, 0, "the names of control tokens stand in the data's text and stay text: nothing is wrong with that unless they are meant", false},
		{"byte-order-mark", Warning, 0, "invisible marks inside texts become tokens of their own", true},
		{"mojibake", Warning, 0, "UTF-8 that was read as Windows-1252 once: repair the file", true},
		{"replacement-character", Warning, 0.05, "U+FFFD stands where bytes were not UTF-8: read the source again with its true encoding", false},
		{"placeholder", Warning, 0, "{{names}} in braces are learned as they stand: fill them in", false},
		{"tools-ignored", Warning, 0, "the recipe has no place for the tools that rows offer: use a chat template that has", false},
		{"unknown-token", Error, 0, "token ids outside the vocabulary: is the data tokenized for another model?", false},
		{"bad-row", Warning, 0.05, "rows that could not be read were skipped", false},
	}
}

// Finding is something that was found, in one row or in the set as a whole.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Source   string   `json:"source,omitempty"` // file:line
	Text     string   `json:"text"`
}

// Report collects findings.
type Report struct {
	Rows     int            `json:"rows"`
	Counts   map[string]int `json:"counts"`   // findings of a rule
	Findings []Finding      `json:"findings"` // the first of each rule
	Fixed    map[string]int `json:"fixed,omitempty"`
}

// shownOfARule is how many findings of a rule a report keeps.
const shownOfARule = 20

// add records a finding.
func (r *Report) add(rule, source, format string, args ...any) {
	if r.Counts == nil {
		r.Counts = map[string]int{}
	}
	if r.Counts[rule]++; r.Counts[rule] <= shownOfARule {
		r.Findings = append(r.Findings, Finding{Rule: rule, Source: source, Text: fmt.Sprintf(format, args...)})
	}
}

// settle gives findings their severity, once all are there, and sorts them by
// rule.
func (r *Report) settle() {
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

// Severity is a rule's, given how many rows break it.
func (r *Report) Severity(rule Rule) Severity {
	if rule.Limit > 0 && float64(r.Counts[rule.Name]) > rule.Limit*float64(max(r.Rows, 1)) {
		return Error
	}
	return rule.Severity
}

// Errors lists what should stop a run: the findings of broken rules that are
// errors and not allowed. An unknown name among the allowed is an error too.
func (r *Report) Errors(allow []string) ([]Finding, error) {
	var names []string
	for _, rule := range Rules() {
		names = append(names, rule.Name)
	}
	for _, name := range allow {
		if !slices.Contains(names, name) {
			return nil, unknown("rule", name, names)
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

// String is the report for people: each broken rule with its first rows and
// what to do.
func (r *Report) String() string {
	var b strings.Builder
	for _, rule := range Rules() {
		count := r.Counts[rule.Name]
		if count == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s %s: %d\n", r.Severity(rule), rule.Name, count)
		shown := 0
		for _, f := range r.Findings {
			if f.Rule == rule.Name && shown < 3 {
				fmt.Fprintf(&b, "    %s\n", strings.TrimPrefix(f.Source+": "+f.Text, ": "))
				shown++
			}
		}
		fmt.Fprintf(&b, "    → %s", rule.Fix)
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
		return fmt.Sprintf("nothing wrong with %d rows\n", r.Rows)
	}
	return b.String()
}
