// Package checkpoint describes the tensors of a checkpoint independently of the file format that holds them. The
// packages below it each read and write one format as a list of tensors and a bag of metadata.
package checkpoint

import (
	"fmt"
	"iter"
	"math"
	"math/bits"

	"fettle/internal/block"
)

// Tensor is one named array, row-major and little-endian.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int
	Data  []byte  // often a window into a mapped file; never write to it
	Order []int32 // of a matrix: row i is row Order[i] of Data; nil: the rows lie in order
	Own   bool    // Data is memory of its own, not a window: what is dropped of it cannot be read again

	Parts  []Tensor // of a matrix, in place of Data: matrices of one type and shape, below each other
	Beside bool     // the Parts stand side by side
}

// Size returns the bytes of Data or of all Parts.
func (t Tensor) Size() int {
	n := len(t.Data)
	for _, p := range t.Parts {
		n += len(p.Data)
	}
	return n
}

// Check returns an error unless the type is known, Data has the length that type and shape require, and Order names a
// row for every row.
func (t Tensor) Check() error {
	want, err := t.Type.Bytes(t.Shape)
	if err != nil {
		return err
	}
	if have := t.Size(); want != uint64(have) {
		return fmt.Errorf("%d bytes of data, want %d for %s %v", have, want, t.Type, t.Shape)
	}
	if t.Order == nil {
		return nil
	}
	if len(t.Shape) != 2 || len(t.Order) != t.Shape[0] {
		return fmt.Errorf("an order of %d rows for shape %v", len(t.Order), t.Shape)
	}
	for _, at := range t.Order {
		if at < 0 || int(at) >= t.Shape[0] {
			return fmt.Errorf("an order with row %d of %d", at, t.Shape[0])
		}
	}
	return nil
}

// Row returns the bytes of row i, the elements of all dimensions but the first.
func (t Tensor) Row(i int) []byte {
	size := len(t.Data) / max(1, t.Shape[0])
	if t.Order != nil {
		i = int(t.Order[i])
	}
	if t.Parts != nil {
		return t.joinedRow(i)
	}
	return t.Data[i*size:][:size:size]
}

// Runs yields the bytes of the tensor in the order of its rows, in as few pieces as possible.
func (t Tensor) Runs() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if t.Order == nil && t.Parts == nil {
			yield(t.Data)
			return
		}
		for i := range t.Shape[0] {
			if !yield(t.Row(i)) {
				return
			}
		}
	}
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

	// Blocks of GGUF; package block has their layouts.
	Q4_0   Type = "Q4_0"
	Q4_1   Type = "Q4_1"
	Q5_0   Type = "Q5_0"
	Q5_1   Type = "Q5_1"
	Q8_0   Type = "Q8_0"
	Q2_K   Type = "Q2_K"
	Q3_K   Type = "Q3_K"
	Q4_K   Type = "Q4_K"
	Q5_K   Type = "Q5_K"
	Q6_K   Type = "Q6_K"
	IQ4_NL Type = "IQ4_NL"
	IQ4_XS Type = "IQ4_XS"
)

// plain has the bytes of an element of the types without blocks.
var plain = map[Type]int{
	F64: 8, F32: 4, F16: 2, BF16: 2, F8E4M3: 1, F8E5M2: 1,
	I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, Bool: 1,
}

// quantized has the blocks of the others.
var quantized = map[Type]block.Type{
	Q4_0: block.Q4_0, Q4_1: block.Q4_1, Q5_0: block.Q5_0, Q5_1: block.Q5_1, Q8_0: block.Q8_0, Q2_K: block.Q2_K,
	Q3_K: block.Q3_K, Q4_K: block.Q4_K, Q5_K: block.Q5_K, Q6_K: block.Q6_K, IQ4_NL: block.IQ4_NL, IQ4_XS: block.IQ4_XS,
}

// Block returns the number of elements of a block, 0 for an unknown type.
func (t Type) Block() int {
	if _, ok := plain[t]; ok {
		return 1
	}
	return quantized[t].Elements
}

// BlockBytes returns the size of a block in bytes, 0 for an unknown type.
func (t Type) BlockBytes() int {
	if n, ok := plain[t]; ok {
		return n
	}
	return quantized[t].Bytes
}

// Bytes returns the size of a tensor of this type: Π shape / Block · BlockBytes. It refuses an unknown type, a negative
// dimension, a last dimension that is no multiple of Block, and a product beyond 64 bits.
func (t Type) Bytes(shape []int) (uint64, error) {
	elements := t.Block()
	if elements == 0 {
		return 0, fmt.Errorf("unknown dtype %q", string(t))
	}
	size := uint64(t.BlockBytes())
	for i, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: negative dimension", shape)
		}
		if i == len(shape)-1 {
			if d%elements != 0 {
				const message = "shape %v: rows of %d elements, want a multiple of %d for %s"
				return 0, fmt.Errorf(message, shape, d, elements, t)
			}
			d /= elements
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("shape %v overflows", shape)
		}
		size = lo
	}
	if len(shape) == 0 && elements > 1 {
		return 0, fmt.Errorf("shape []: a scalar, want rows of a multiple of %d for %s", elements, t)
	}
	return size, nil
}
