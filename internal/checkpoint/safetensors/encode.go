package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"fettle/internal/checkpoint"
)

// entry encodes a tensor in the header, its keys in the order that every writer uses.
type entry struct {
	DType   checkpoint.Type `json:"dtype"`
	Shape   []int           `json:"shape"`
	Offsets [2]uint64       `json:"data_offsets"`
}

// Encode writes a file: metadata first, then the tensors sorted by name; the header is padded with spaces so that the
// data begins at a multiple of 8. The same tensors always give the same bytes.
func Encode(w io.Writer, tensors []checkpoint.Tensor, meta map[string]string) error {
	var lazy []checkpoint.Lazy
	for _, t := range tensors {
		if err := sound(t); err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		lazy = append(lazy, t.Lazy())
	}
	return Write(w, lazy, meta)
}

// Write is Encode of tensors whose data are written one after another.
func Write(w io.Writer, tensors []checkpoint.Lazy, meta map[string]string) error {
	tensors = slices.SortedFunc(slices.Values(tensors), func(a, b checkpoint.Lazy) int {
		return strings.Compare(a.Name, b.Name)
	})
	header, err := encodeHeader(tensors, meta)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := t.To(w); err != nil {
			return fmt.Errorf("write tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// encodeHeader returns the header of tensors in their order.
func encodeHeader(tensors []checkpoint.Lazy, meta map[string]string) ([]byte, error) {
	header := new(bytes.Buffer)
	header.WriteByte('{')
	member := func(key string, value any) error {
		if header.Len() > 1 {
			header.WriteByte(',')
		}
		if err := appendJSON(header, key); err != nil {
			return err
		}
		header.WriteByte(':')
		return appendJSON(header, value)
	}
	if len(meta) > 0 {
		if err := member("__metadata__", meta); err != nil {
			return nil, err
		}
	}
	at := uint64(0)
	for i, t := range tensors {
		size, err := t.Type.Bytes(t.Shape)
		if err == nil {
			err = nameable(t.Name, t.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if i > 0 && tensors[i-1].Name == t.Name {
			return nil, fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		end := at + size
		if err := member(t.Name, entry{t.Type, append([]int{}, t.Shape...), [2]uint64{at, end}}); err != nil {
			return nil, err
		}
		at = end
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	if header.Len() > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, want at most %d", header.Len(), maxHeader)
	}
	return header.Bytes(), nil
}

// sound returns an error for a tensor that Parse rejects.
func sound(t checkpoint.Tensor) error {
	if err := nameable(t.Name, t.Type); err != nil {
		return err
	}
	return t.Check()
}

// nameable returns an error for a name or a type that Parse rejects.
func nameable(name string, as checkpoint.Type) error {
	if name == "__metadata__" || !utf8.ValidString(name) {
		return errors.New("not a name for a tensor")
	}
	return known(as)
}

// appendJSON writes v compactly, without escaping <, > and &.
func appendJSON(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the newline
	return nil
}
