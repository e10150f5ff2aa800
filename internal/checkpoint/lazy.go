package checkpoint

import (
	"errors"
	"fmt"
	"io"
)

// Lazy is a tensor whose data are written when their turn comes, so that a model need never be in memory as a whole.
type Lazy struct {
	Name  string
	Type  Type // of the data that Write writes
	Shape []int
	Write func(w io.Writer) error
}

// Lazy returns the tensor as one that is there already.
func (t Tensor) Lazy() Lazy {
	return Lazy{t.Name, t.Type, t.Shape, func(w io.Writer) error {
		for raw := range t.Runs() {
			if _, err := w.Write(raw); err != nil {
				return err
			}
		}
		return nil
	}}
}

// To writes the data to w: exactly as many bytes as type and shape require, or it returns an error.
func (t Lazy) To(w io.Writer) error {
	size, err := t.Type.Bytes(t.Shape)
	if err != nil {
		return err
	}
	to := &limited{w, size}
	if err = t.Write(to); err == nil && to.left != 0 {
		err = fmt.Errorf("%d bytes of data, want %d for %s %v", size-to.left, size, t.Type, t.Shape)
	}
	return err
}

// limited refuses more than left bytes.
type limited struct {
	to   io.Writer
	left uint64
}

var errTooLong = errors.New("more data than its type and shape require")

func (l *limited) Write(p []byte) (int, error) {
	if uint64(len(p)) > l.left {
		return 0, errTooLong
	}
	n, err := l.to.Write(p)
	l.left -= uint64(n)
	return n, err
}
