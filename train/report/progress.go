package report

import (
	"fmt"
	"io"
	"time"
)

// Progress shows a run's steps: one line that is updated in place on a terminal, otherwise a line every few steps.
type Progress struct {
	Out      io.Writer
	Terminal bool // Out can update a line in place
	Every    int  // steps between plain lines
	Total    int  // steps of the run

	unfinished bool // the updated line is on screen
}

// Step shows a finished step.
func (p *Progress) Step(r StepRow, left time.Duration) {
	line := fmt.Sprintf("step %d/%d  loss %.4f  lr %.2e  %.0f tokens/s  %s left",
		r.Step, p.Total, r.Loss, r.LearningRate, r.TokensPerSecond, short(left))
	switch {
	case p.Terminal:
		fmt.Fprintf(p.Out, "\r\x1b[K%s", line)
		p.unfinished = true
	case r.Step == 1 || r.Step == p.Total || p.Every > 0 && r.Step%p.Every == 0:
		fmt.Fprintln(p.Out, line)
	}
}

// Say prints a line of its own.
func (p *Progress) Say(format string, args ...any) {
	p.Break()
	fmt.Fprintf(p.Out, format+"\n", args...)
}

// Break ends the line that is updated in place, before something else is printed.
func (p *Progress) Break() {
	if p.unfinished {
		fmt.Fprintln(p.Out)
		p.unfinished = false
	}
}

// short formats a duration with two units at most: 2h05m, 3m20s, 7s.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}
