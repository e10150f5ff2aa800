// Package checkpoint describes the tensors of a checkpoint independently of the file format that holds them. The
// packages below it each read and write one format as a list of tensors and a bag of metadata.
package checkpoint

import (
	"fmt"
	"math"
	"math/bits"
)

// Tensor is one named array, row-major and little-endian.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int
	Data  []byte // often a window into a mapped file; never write to it
	Own   bool   // Data is memory of its own, not a window: what is dropped of it cannot be read again
}

// Check returns an error unless the type is known and Data has the length that type and shape require.
func (t Tensor) Check() error {
	want, err := t.Type.Bytes(t.Shape)
	if err != nil {
		return err
	}
	if want != uint64(len(t.Data)) {
		return fmt.Errorf("%d bytes of data, want %d for %s %v", len(t.Data), want, t.Type, t.Shape)
	}
	return nil
}

// Type is an element type. Its elements are stored in blocks: Block elements of a row, the last dimension, share
// BlockBytes bytes. Plain types have blocks of one element.
type Type string

// The element types, by the names that safetensors and GGUF give them.
const (
	F64    Type = "F64"
	F32    Type = "F32"
	F16    Type = "F16"
	BF16   Type = "BF16"
	F8E4M3 Type = "F8_E4M3"
	F8E5M2 Type = "F8_E5M2"
	I64    Type = "I64"
	I32    Type = "I32"
	I16    Type = "I16"
	I8     Type = "I8"
	U64    Type = "U64"
	U32    Type = "U32"
	U16    Type = "U16"
	U8     Type = "U8"
	Bool   Type = "BOOL"
	Q8_0   Type = "Q8_0" // GGUF: a half d and 32 int8; element i is d·q[i]
)

type block struct{ elements, bytes int }

var blocks = map[Type]block{
	F64: {1, 8}, F32: {1, 4}, F16: {1, 2}, BF16: {1, 2}, F8E4M3: {1, 1}, F8E5M2: {1, 1},
	I64: {1, 8}, I32: {1, 4}, I16: {1, 2}, I8: {1, 1}, U64: {1, 8}, U32: {1, 4}, U16: {1, 2}, U8: {1, 1}, Bool: {1, 1},
	Q8_0: {32, 34},
}

// Block returns the number of elements of a block, 0 for an unknown type.
func (t Type) Block() int { return blocks[t].elements }

// BlockBytes returns the size of a block in bytes, 0 for an unknown type.
func (t Type) BlockBytes() int { return blocks[t].bytes }

// Bytes returns the size of a tensor of this type: Π shape / Block · BlockBytes. It refuses an unknown type, a negative
// dimension, a last dimension that is no multiple of Block, and a product beyond 64 bits.
func (t Type) Bytes(shape []int) (uint64, error) {
	b, ok := blocks[t]
	if !ok {
		return 0, fmt.Errorf("unknown dtype %q", string(t))
	}
	size := uint64(b.bytes)
	for i, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: negative dimension", shape)
		}
		if i == len(shape)-1 {
			if d%b.elements != 0 {
				const message = "shape %v: rows of %d elements, want a multiple of %d for %s"
				return 0, fmt.Errorf(message, shape, d, b.elements, t)
			}
			d /= b.elements
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("shape %v overflows", shape)
		}
		size = lo
	}
	if len(shape) == 0 && b.elements > 1 {
		return 0, fmt.Errorf("shape []: a scalar, want rows of a multiple of %d for %s", b.elements, t)
	}
	return size, nil
}
