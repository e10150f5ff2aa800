// Package fault marks errors by who can mend them, so that the program can exit with a code that says so.
package fault

import "errors"

// Kind is who or what an error is due to.
type Kind int

const (
	Program Kind = iota // not marked
	Usage               // a flag or a setting
	Input               // a file that was given
	Refused             // what was asked for would do harm
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
