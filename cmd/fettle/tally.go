package main

import (
	"fmt"
	"io"
	"time"

	"fettle/internal/console"
	"fettle/internal/human"
	"fettle/model/generate"
)

// tally shows how far the answers to a file are: a line that is updated on a terminal, otherwise one now and then.
type tally struct {
	out         io.Writer
	line        *console.Stream // nil: the output has no line to update
	first, rows int
	done        int // of them since first
	tokens      int
	cut, failed int
	began, said time.Time
}

func newTally(out io.Writer, first, rows int) *tally {
	t := &tally{out: out, first: first, rows: rows, began: time.Now(), said: time.Now()}
	if to, ok := out.(*console.Stream); ok && to.Live() {
		t.line = to
	}
	return t
}

// add counts an answer.
func (t *tally) add(a answered) {
	t.done++
	t.tokens += a.Tokens
	switch {
	case a.Error != "":
		t.failed++
	case a.Reason == generate.MaxTokens || a.Reason == generate.ContextFull:
		t.cut++
	}
	every := time.Minute
	if t.line != nil {
		every = 200 * time.Millisecond
	}
	if time.Since(t.said) < every {
		return
	}
	t.said = time.Now()
	left := time.Duration(float64(time.Since(t.began)) / float64(t.done) * float64(t.rows-t.first-t.done))
	line := fmt.Sprintf("%s of %s, %s tokens/s, %s left", human.Count(t.first+t.done), human.Plural(t.rows, "answer"),
		t.speed(), human.Duration(left))
	if t.line != nil {
		t.line.Status(line)
	} else {
		fmt.Fprintln(t.out, line)
	}
}

func (t *tally) speed() string {
	return human.Count(int(float64(t.tokens) / max(time.Since(t.began).Seconds(), 1e-9)))
}

// end removes the line that is updated.
func (t *tally) end() {
	if t.line != nil {
		t.line.Clear()
	}
}

// sum tells what was done.
func (t *tally) sum(path string) {
	text := fmt.Sprintf("%s in %s, %s tokens/s", human.Plural(t.done, "answer"),
		max(time.Since(t.began).Round(time.Second), time.Second), t.speed())
	if path != "" {
		text += fmt.Sprintf(", in %s", path)
	}
	text += "."
	if t.cut > 0 {
		text += fmt.Sprintf(" Cut at max_new_tokens or at the end of the context: %s.", human.Count(t.cut))
	}
	if t.failed > 0 {
		text += fmt.Sprintf(" Without an answer: %s.", human.Count(t.failed))
	}
	fmt.Fprintln(t.out, text)
}
