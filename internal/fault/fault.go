// Package fault marks errors by who can correct them; the program's exit code is derived from the mark.
package fault

import "errors"

// Kind states the cause of an error.
type Kind int

const (
	Program Kind = iota // not marked
	Usage               // a flag or a setting
	Input               // a file that was given
	Refused             // the action would do harm
)

type marked struct {
	error
	kind Kind
}

func (m marked) Unwrap() error { return m.error }

// Mark marks an error; nil stays nil. The outermost mark counts.
func Mark(err error, kind Kind) error {
	if err == nil {
		return nil
	}
	return marked{err, kind}
}

// Of returns the kind of an error.
func Of(err error) Kind {
	var m marked
	if errors.As(err, &m) {
		return m.kind
	}
	return Program
}
