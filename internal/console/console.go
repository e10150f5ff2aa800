// Package console writes to terminals and pipes: prose wrapped to the terminal's width, a status line that is updated
// in place and never has anything glued to it, or, for programs, JSON lines alone.
package console

import (
	"io"
	"os"
	"strings"
	"sync"

	"fettle/internal/human"
	"fettle/internal/machine"
)

// Console joins the standard output and the standard error of a program, which may be one terminal.
type Console struct {
	mu       sync.Mutex
	out, err *Stream
	standing *Stream // the stream with the status line; nil: there is none
	lost     error   // of the first text that the standard output did not take
	inside   *Stream // the stream whose last line on the terminal has no end yet; nil: there is none
}

// New returns a console on two streams.
func New(stdout, stderr io.Writer) *Console {
	c := &Console{}
	c.out, c.err = newStream(c, stdout), newStream(c, stderr)
	return c
}

// Out returns the standard output.
func (c *Console) Out() *Stream { return c.out }

// Err returns the standard error.
func (c *Console) Err() *Stream { return c.err }

// JSON makes every later line on the standard error, and on the standard output unless it carries a command's result,
// a JSON object.
func (c *Console) JSON(resultOnOut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err.json, c.out.json = true, !resultOnOut
}

// Lost returns the error of the first text that the standard output did not take, nil if it took all.
func (c *Console) Lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// FreshLine ends the status line, or a line that was begun on a terminal, and reports whether there was one.
func (c *Console) FreshLine() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.standing != nil || c.inside != nil
	c.settle()
	c.end()
	return begun
}

// Interrupted begins a line of its own behind the ^C that a terminal echoes.
func (c *Console) Interrupted() {
	if c.FreshLine() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err.Live() {
		io.WriteString(c.err.to, "\n")
	}
}

// end ends the line that was begun.
func (c *Console) end() {
	if c.inside != nil {
		io.WriteString(c.inside.to, "\n")
		c.inside = nil
	}
}

// settle leaves the status line where it is and goes on below.
func (c *Console) settle() {
	if c.standing != nil {
		io.WriteString(c.standing.to, "\n")
		c.standing = nil
	}
}

// Stream is a standard stream of a program.
type Stream struct {
	console  *Console
	to       io.Writer
	terminal bool
	json     bool
	held     []byte // text that is to become a JSON line
	width    func() int
}

func newStream(c *Console, to io.Writer) *Stream {
	return &Stream{
		console: c, to: to, terminal: machine.IsTerminal(to) && os.Getenv("TERM") != "dumb",
		width: func() int { return machine.Width(to) },
	}
}

// Fd returns the file descriptor below, or one that is none.
func (s *Stream) Fd() uintptr {
	if f, ok := s.to.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Console returns the console that the stream is one of.
func (s *Stream) Console() *Console { return s.console }

// Live reports whether the stream has a status line.
func (s *Stream) Live() bool { return s.terminal && !s.json }

// JSON reports whether the stream takes JSON lines alone.
func (s *Stream) JSON() bool {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	return s.json
}

// Below returns the writer that the stream writes to.
func (s *Stream) Below() io.Writer { return s.to }

// Write writes a text below the status line, or a line that the other stream has begun. Whole
// lines are wrapped on a terminal; lines that begin with a space, such as commands and tables, stay whole.
func (s *Stream) Write(p []byte) (int, error) {
	c := s.console
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := s.write(p)
	if s == c.out && c.lost == nil {
		c.lost = err
	}
	return n, err
}

func (s *Stream) write(p []byte) (int, error) {
	c := s.console
	if len(p) == 0 {
		return 0, nil
	}
	if s.json {
		return len(p), s.object(p)
	}
	if !s.terminal {
		_, err := s.to.Write(p)
		return len(p), err
	}
	c.settle()
	if c.inside != s {
		c.end()
	}
	text, whole := string(p), p[len(p)-1] == '\n'
	if whole && c.inside == nil {
		text = wrap(text, s.width())
	}
	if c.inside = nil; !whole {
		c.inside = s
	}
	_, err := io.WriteString(s.to, text)
	return len(p), err
}

// wrap breaks the prose among lines.
func wrap(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && line[0] != ' ' && line[0] != '\t' && human.Columns(line) > width {
			line = human.Hang("", line, 0, width)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Status replaces the status line by the first of the forms that the terminal is wide enough for, or by what fits of
// the last. Elsewhere it does nothing.
func (s *Stream) Status(forms ...string) {
	c := s.console
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.Live() || len(forms) == 0 {
		return
	}
	if c.standing != s {
		c.settle()
		c.end()
	}
	c.standing = s
	room := max(s.width()-1, 1) // the last column would begin a new line
	line := ""
	for _, line = range forms {
		if human.Columns(line) <= room {
			break
		}
	}
	io.WriteString(s.to, "\r\x1b[K"+human.Cut(line, room))
}

// Clear erases the status line.
func (s *Stream) Clear() {
	c := s.console
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standing == s {
		io.WriteString(s.to, "\r\x1b[K")
		c.standing = nil
	}
}
