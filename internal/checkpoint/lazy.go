package checkpoint

import "io"

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
