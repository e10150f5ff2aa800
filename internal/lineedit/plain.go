package lineedit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// longest is the number of bytes of the longest line.
const longest = 1 << 24

// plain reads lines without an editor.
type plain struct {
	Options
	out   io.Writer
	lines chan line
}

// line is a line without its end, or why there is none.
type line struct {
	text string
	err  error
}

// newPlain reads lines ahead, one at a time, so that waiting for one can be given up.
func newPlain(in io.Reader, out io.Writer, o Options) *plain {
	p := &plain{Options: o, out: out, lines: make(chan line)}
	go func() {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, longest)
		for lines.Scan() {
			p.lines <- line{text: strings.TrimSuffix(lines.Text(), "\r")}
		}
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line is longer than %d MiB", longest>>20)
		} else if err == nil {
			err = io.EOF
		}
		for {
			p.lines <- line{err: err}
		}
	}()
	return p
}

// read joins the lines of a message. One that the input ends in ends there.
func (p *plain) read(ctx context.Context) (string, error) {
	fmt.Fprint(p.out, p.Prompt)
	var text []string
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case next := <-p.lines:
			if next.err == io.EOF && len(text) > 0 {
				return "", fmt.Errorf("the input ends inside of a message: %.40q", strings.Join(text, "\n"))
			}
			if next.err != nil {
				return "", next.err
			}
			text = append(text, next.text)
			if whole := strings.Join(text, "\n"); !p.Open(whole) {
				return whole, nil
			}
		}
	}
}
