package machine

import (
	"io"

	"golang.org/x/term"
)

// file is what has a file descriptor.
type file interface{ Fd() uintptr }

// IsTerminal reports whether w is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(file)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns the columns of the terminal that w is, or 80.
func Width(w io.Writer) int {
	const usual = 80
	f, ok := w.(file)
	if !ok {
		return usual
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return usual
}
