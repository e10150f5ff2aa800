// Package doctor collects findings about a machine and a run, each with what to do about it, as a text for people that
// names no user, host or home directory.
package doctor

import (
	"errors"
	"fmt"
	"strings"

	"fettle/internal/human"
	"fettle/internal/plainerror"
)

// State says how bad a finding is.
type State string

// States of findings.
const (
	OK      State = "ok"
	Note    State = "note"    // works, and could be better
	Problem State = "problem" // does not work
)

// Finding is a line of a report.
type Finding struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	State   State  `json:"state"`
	Text    string `json:"text"`
	Advice  string `json:"advice,omitempty"` // what to do
	Err     error  `json:"-"`                // of a problem
}

// Errors of problems by what is wrong, for callers that tell them apart.
var (
	ErrComputes = errors.New("this machine computes wrong numbers")
	ErrDisk     = errors.New("the disk does not work as it must")
)

// Report collects findings.
type Report struct {
	Findings []Finding

	section string
	show    func(Finding) // each as it is found
	private Private
}

// NewReport returns an empty report of which show is told as it grows.
func NewReport(private Private, show func(Finding)) *Report {
	return &Report{show: show, private: private}
}

// Begin begins a section.
func (r *Report) Begin(section string) { r.section = section }

// OK adds a finding that is fine.
func (r *Report) OK(name, format string, args ...any) { r.add(name, OK, "", nil, format, args) }

// Note adds a finding that could be better, with advice.
func (r *Report) Note(name, advice, format string, args ...any) {
	r.add(name, Note, advice, nil, format, args)
}

// Problem adds a finding that does not work, with advice.
func (r *Report) Problem(name string, err error, advice string) {
	r.add(name, Problem, advice, err, "%s", []any{plainerror.Text(err)})
}

func (r *Report) add(name string, state State, advice string, err error, format string, args []any) {
	f := Finding{
		Section: r.section, Name: name, State: state, Advice: r.private.Hide(advice), Err: err,
		Text: r.private.Hide(fmt.Sprintf(format, args...)),
	}
	r.Findings = append(r.Findings, f)
	r.show(f)
}

// Count returns how many findings there are of a state.
func (r *Report) Count(s State) (n int) {
	for _, f := range r.Findings {
		if f.State == s {
			n++
		}
	}
	return n
}

// Lines writes a finding in lines of at most width columns, the section's name before its first. paint colours a state.
func (f Finding) Lines(first bool, width int, paint func(State, string) string) string {
	const column = 9
	var b strings.Builder
	if first {
		fmt.Fprintf(&b, "\n%s\n", f.Section)
	}
	text := human.Hang(string(f.State), f.Name+": "+oneLine(f.Text), column, width)
	b.WriteString(paint(f.State, text[:len(f.State)]) + text[len(f.State):] + "\n")
	if f.Advice != "" {
		b.WriteString(human.Hang(strings.Repeat(" ", column), "→ "+oneLine(f.Advice), column+2, width) + "\n")
	}
	return b.String()
}

// oneLine joins the lines of a text and leaves nothing in it that a terminal would take for a command.
func oneLine(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if n := len(all); n > 0 && line != "" && !strings.HasSuffix(all[n-1], ":") && !strings.HasSuffix(all[n-1], ";") {
			all[n-1] += ";"
		}
		if line != "" {
			all = append(all, line)
		}
	}
	return human.Plain(strings.Join(all, " "))
}
