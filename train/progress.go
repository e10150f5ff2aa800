package train

import (
	"fmt"
	"io"
	"time"
)

// progress shows a person how a run goes: one line that is updated on a
// terminal, else a plain line now and then.
type progress struct {
	out      io.Writer
	terminal bool
	every    int // steps between plain lines
	total    int
	open     bool // the updating line is on screen
}

// step shows a finished step.
func (p *progress) step(r StepRow, left time.Duration) {
	line := fmt.Sprintf("step %d/%d  loss %.4f  lr %.2e  %.0f tokens/s  %s left", r.Step, p.total, r.Loss, r.LearningRate, r.TokensPerSecond, brief(left))
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		p.open = true
	case r.Step == 1 || r.Step == p.total || p.every > 0 && r.Step%p.every == 0:
		fmt.Fprintln(p.out, line)
	}
}

// say prints a line of its own.
func (p *progress) say(format string, args ...any) {
	if p.open {
		fmt.Fprintln(p.out)
		p.open = false
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// brief is a duration to two figures: 2h05m, 3m20s, 7s.
func brief(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}
