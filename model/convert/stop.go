package convert

import (
	"io"

	"fettle/internal/checkpoint"
)

// stoppable returns tensors whose writing ends with the error of Stop as soon as it has one.
func (m Model) stoppable(tensors []checkpoint.Lazy) []checkpoint.Lazy {
	if m.Stop == nil {
		return tensors
	}
	out := make([]checkpoint.Lazy, len(tensors))
	for i, t := range tensors {
		out[i] = t
		out[i].Write = func(w io.Writer) error { return t.Write(stopping{w, m.Stop}) }
	}
	return out
}

// stopping is a writer until stop has an error.
type stopping struct {
	io.Writer
	stop func() error
}

func (s stopping) Write(p []byte) (int, error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	return s.Writer.Write(p)
}
