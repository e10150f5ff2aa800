// Package lineedit reads messages: from a terminal with an editor, where arrow keys go through earlier messages and a
// paste of many lines is one message, or line by line from anything else.
package lineedit

import (
	"context"
	"errors"
	"io"
	"os"

	"fettle/internal/machine"
)

// ErrInterrupted is returned by Read when Ctrl-C takes back what was typed.
var ErrInterrupted = errors.New("interrupted")

// Options describe how messages are read.
type Options struct {
	Prompt  string                 // is printed before each message
	Open    func(text string) bool // reports that a message goes on in the next line; nil: none does
	History string                 // the file that keeps messages for later; "": they are forgotten
}

// Reader reads one message after another.
type Reader struct {
	read func(ctx context.Context) (string, error)

	Edits bool // a person types into an editor
}

// New reads from in and prints prompts on out. The editor takes over if both are the terminal of the process and it can
// move its cursor. A history that cannot be read or written is none.
func New(in io.Reader, out io.Writer, o Options) *Reader {
	if o.Open == nil {
		o.Open = func(string) bool { return false }
	}
	if in == os.Stdin && out == os.Stdout && machine.IsTerminal(os.Stdin) && machine.IsTerminal(os.Stdout) &&
		os.Getenv("TERM") != "dumb" {
		return &Reader{read: newEditor(o).read, Edits: true}
	}
	return &Reader{read: newPlain(in, out, o).read}
}

// Read returns the next message. At the end of the input it returns io.EOF, when ctx is cancelled, its error.
func (r *Reader) Read(ctx context.Context) (string, error) { return r.read(ctx) }
