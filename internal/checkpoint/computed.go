package checkpoint

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"

	"fettle/internal/mapped"
)

// Computed is a tensor whose rows may be computed when they are needed, so that a changed model need never be in
// memory as a whole.
type Computed struct {
	Tensor // without Data where Rows is not nil

	// Rows fills dst with the rows from first on, as many as dst holds. A vector is one row. Nil: those of Data.
	Rows func(dst []float32, first int) error

	// Written, if not nil, is called when the tensor has been written.
	Written func()

	parts []Computed // of Stacked
}

// Stored reports whether the tensor is data in its type, of which nothing is computed.
func (c Computed) Stored() bool {
	other := func(p Computed) bool { return p.Type != c.Type || !p.Stored() }
	return c.Rows == nil || c.parts != nil && !slices.ContainsFunc(c.parts, other)
}

// Floats returns all elements.
func (c Computed) Floats() ([]float32, error) {
	if c.Rows == nil {
		return Float32s(c.Tensor)
	}
	n := 1
	for _, d := range c.Shape {
		n *= d
	}
	out := make([]float32, n)
	return out, c.Rows(out, 0)
}

// Stacked puts matrices of one width below each other.
func Stacked(name string, parts []Computed) Computed {
	out := Computed{parts: parts, Tensor: Tensor{Name: name, Type: parts[0].Type, Shape: []int{0, parts[0].Shape[1]}}}
	out.Written = func() {
		for _, p := range parts {
			if p.Written != nil {
				p.Written()
			}
		}
	}
	k := out.Shape[1]
	for _, p := range parts {
		out.Shape[0] += p.Shape[0]
	}
	out.Rows = func(dst []float32, first int) error {
		for _, p := range parts {
			if n := min(len(dst)/k, p.Shape[0]-first); n > 0 {
				if err := p.rows(dst[:n*k], first, k); err != nil {
					return err
				}
				dst, first = dst[n*k:], first+n
			}
			first -= p.Shape[0]
		}
		return nil
	}
	return out
}

// Reordered returns the matrix whose row i is row order[i] of c.
func (c Computed) Reordered(order []int32) Computed {
	if rows, k := c.Rows, c.Shape[1]; rows != nil {
		c.parts = nil
		c.Rows = func(dst []float32, first int) error {
			for i := range len(dst) / k {
				if err := rows(dst[i*k:][:k], int(order[first+i])); err != nil {
					return err
				}
			}
			return nil
		}
		return c
	}
	all, straight := make([]int32, len(order)), true
	for i, at := range order {
		if c.Order != nil {
			at = c.Order[at]
		}
		all[i] = at
		straight = straight && int(at) == i
	}
	if c.Order = all; straight {
		c.Order = nil
	}
	return c
}

// As returns the tensor in a type. Data of this type are written as they are, others through float32.
func (c Computed) As(t Type) Lazy {
	out := c.as(t)
	if write := out.Write; c.Written != nil {
		out.Write = func(w io.Writer) error {
			err := write(w)
			c.Written()
			return err
		}
	}
	return out
}

func (c Computed) as(t Type) Lazy {
	switch {
	case c.Type != t || !c.Stored():
	case c.Rows == nil:
		return c.Lazy()
	default:
		return Lazy{c.Name, t, c.Shape, func(w io.Writer) error {
			for _, p := range c.parts {
				if err := p.as(t).Write(w); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	n, k := 1, 1
	for i, d := range c.Shape {
		if i < len(c.Shape)-1 {
			n *= d
		} else {
			k = d
		}
	}
	return Lazy{c.Name, t, c.Shape, func(w io.Writer) error { return stream(w, t, n, k, c.rows) }}
}

// panel is how many elements are computed, encoded and written at a time.
const panel = 1 << 20

// stream writes n rows of k numbers in a type. Rows are encoded on all cores.
func stream(w io.Writer, as Type, n, k int, rows func(dst []float32, first, k int) error) error {
	size, err := as.Bytes([]int{1, k})
	if err != nil {
		return err
	}
	step := max(1, min(n, panel/max(k, 1)))
	values, data := make([]float32, step*k), make([]byte, step*int(size))
	for first := 0; first < n; first += step {
		count := min(step, n-first)
		part, raw := values[:count*k], data[:count*int(size)]
		if err := rows(part, first, k); err != nil {
			return err
		}
		err := spread(count, func(from, to int) error {
			for i := from; i < to; i++ {
				if err := Encode(as, raw[i*int(size):][:size], part[i*k:][:k]); err != nil {
					return fmt.Errorf("row %d: %w", first+i, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := w.Write(raw); err != nil {
			return err
		}
	}
	return nil
}

// rows fills dst with rows of k numbers from row first on, computed or of the data.
func (c Computed) rows(dst []float32, first, k int) error {
	if c.Rows != nil {
		return c.Rows(dst, first)
	}
	return c.decodeRows(dst, first, k)
}

// decodeRows fills dst with rows of k numbers of the data, from row first on.
func (c Computed) decodeRows(dst []float32, first, k int) error {
	size, err := c.Type.Bytes([]int{k})
	if err != nil {
		return err
	}
	return spread(len(dst)/max(k, 1), func(from, to int) error {
		for i := from; i < to; i++ {
			var raw []byte
			if c.Parts != nil || c.Order != nil {
				raw = c.Row(first + i)
			} else { // also of a vector or of more dimensions
				raw = c.Data[(first+i)*int(size):][:size]
			}
			if !c.Type.decode(dst[i*k:][:k], raw) {
				return fmt.Errorf("dtype %s, want F64, F32, F16, BF16 or a quantized type of GGUF", c.Type)
			}
		}
		return nil
	})
}

// spread splits n rows among the cores and returns the error of the first part that has one.
func spread(n int, do func(from, to int) error) error {
	parts := min(runtime.GOMAXPROCS(0), n)
	errs := make([]error, parts)
	var all mapped.Group
	for p := range parts {
		all.Go(func() { errs[p] = do(p*n/parts, (p+1)*n/parts) })
	}
	all.Wait()
	return cmp.Or(errs...)
}
