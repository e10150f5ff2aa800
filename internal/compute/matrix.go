package compute

import (
	"fmt"

	"fettle/internal/block"
)

// DType names the element type of a stored array.
type DType uint8

// The element types of frozen weights.
const (
	F32 DType = iota
	BF16
	F16
	Int8 // Int8Weights
	NF4  // NF4Weights

	// Blocks of GGUF files, along each row.
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	IQ4_NL
	IQ4_XS
)

// dtypes has the name and the blocks of every type; elements that stand alone are blocks of one.
var dtypes = [...]struct {
	name  string
	block block.Type
}{
	F32: {"F32", single(4)}, BF16: {"BF16", single(2)}, F16: {"F16", single(2)},
	Int8: {"I8", single(1)}, NF4: {name: "NF4"},
	Q4_0: {"Q4_0", block.Q4_0}, Q4_1: {"Q4_1", block.Q4_1}, Q5_0: {"Q5_0", block.Q5_0}, Q5_1: {"Q5_1", block.Q5_1},
	Q8_0: {"Q8_0", block.Q8_0}, Q2_K: {"Q2_K", block.Q2_K}, Q3_K: {"Q3_K", block.Q3_K}, Q4_K: {"Q4_K", block.Q4_K},
	Q5_K: {"Q5_K", block.Q5_K}, Q6_K: {"Q6_K", block.Q6_K},
	IQ4_NL: {"IQ4_NL", block.IQ4_NL}, IQ4_XS: {"IQ4_XS", block.IQ4_XS},
}

func single(bytes int) block.Type { return block.Type{Elements: 1, Bytes: bytes} }

// BlockTypes lists the types of GGUF's blocks.
func BlockTypes() []DType {
	return []DType{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS}
}

// String returns the type's name in a safetensors header or a GGUF file.
func (t DType) String() string { return dtypes[t].name }

// Block returns the blocks of GGUF's types; ok is false for other types.
func (t DType) Block() (b block.Type, ok bool) { return dtypes[t].block, t >= Q4_0 }

// Size returns the bytes of one element as stored, zero if it has none of its own.
func (t DType) Size() int {
	if t >= Q4_0 {
		return 0
	}
	return dtypes[t].block.Bytes
}

// Bytes returns the bytes of an (n, k) matrix as stored, its scales among them.
func (t DType) Bytes(n, k int) int64 {
	switch t {
	case Int8:
		return int64(n) * int64(k+4)
	case NF4:
		return int64(n) * int64((k+1)/2+(k+NF4Block-1)/NF4Block)
	}
	b := dtypes[t].block
	return int64(n) * int64((k+b.Elements-1)/b.Elements*b.Bytes)
}

// Matrix holds a frozen weight of a linear map or an embedding: N rows of K elements, row-major, as stored in the file
// (often memory-mapped, never written to).
type Matrix struct {
	Name string // the tensor's name in the file, for messages
	N, K int    // output and input width
	Type DType
	Raw  []byte // N rows, little-endian; nil once a device keeps its own layout

	// Order, if not nil, permutes the rows: row i of the matrix is row Order[i] of Raw.
	Order []int32

	// Release, if not nil, is called when a device has its own layout and no longer needs Raw, whose pages may then go.
	Release func()

	// Packed holds the layout of the device that prepared the matrix.
	Packed any
}

// NewMatrix wraps raw as an (n, k) matrix of type t without copying.
func NewMatrix(name string, n, k int, t DType, raw []byte) (*Matrix, error) {
	switch b := dtypes[t].block; {
	case t == Int8 || t == NF4:
		return nil, fmt.Errorf("matrix %s: type %s is made by Quantize", name, t)
	case k%b.Elements != 0:
		return nil, fmt.Errorf("matrix %s: rows of %d elements, want whole blocks of %d for %s", name, k, b.Elements, t)
	case int64(len(raw)) != t.Bytes(n, k):
		return nil, fmt.Errorf("matrix %s: %d bytes, want %d for %s (%d, %d)", name, len(raw), t.Bytes(n, k), t, n, k)
	}
	return &Matrix{Name: name, N: n, K: k, Type: t, Raw: raw}, nil
}

// RowBytes returns the bytes of row i as stored; Raw must not be nil.
func (w *Matrix) RowBytes(i int) []byte {
	if w.Order != nil {
		i = int(w.Order[i])
	}
	size := int(w.Type.Bytes(1, w.K))
	return w.Raw[i*size:][:size:size]
}
