package compute

import "fmt"

// DType names the element type of a stored array.
type DType uint8

// The element types of frozen weights.
const (
	F32 DType = iota
	BF16
	F16
	Int8 // Int8Weights
	NF4  // NF4Weights
)

var dtypes = [...]struct {
	name string
	size int
}{F32: {"F32", 4}, BF16: {"BF16", 2}, F16: {"F16", 2}, Int8: {"I8", 1}, NF4: {"NF4", 0}}

// String returns the type's name in a safetensors header.
func (t DType) String() string { return dtypes[t].name }

// Size returns the bytes of one element as stored, zero if there is less than one.
func (t DType) Size() int { return dtypes[t].size }

// Bytes returns the bytes of an (n, k) matrix as stored, its scales among them.
func (t DType) Bytes(n, k int) int64 {
	switch t {
	case Int8:
		return int64(n) * int64(k+4)
	case NF4:
		return int64(n) * int64((k+1)/2+(k+NF4Block-1)/NF4Block)
	}
	return int64(n) * int64(k) * int64(t.Size())
}

// Matrix holds a frozen weight of a linear map or an embedding: N rows of K elements, row-major, as stored in the file
// (often memory-mapped, never written to).
type Matrix struct {
	Name string // the tensor's name in the file, for messages
	N, K int    // output and input width
	Type DType
	Raw  []byte // N·K elements, little-endian; nil once a device keeps its own layout

	// Release, if not nil, is called when a device has its own layout and no longer needs Raw, whose pages may then go.
	Release func()

	// Packed holds the layout of the device that prepared the matrix.
	Packed any
}

// NewMatrix wraps raw as an (n, k) matrix of type t without copying.
func NewMatrix(name string, n, k int, t DType, raw []byte) (*Matrix, error) {
	if t > F16 {
		return nil, fmt.Errorf("matrix %s: type %s is made by Quantize", name, t)
	}
	if len(raw) != n*k*t.Size() {
		return nil, fmt.Errorf("matrix %s: %d bytes, want %d for %s (%d, %d)", name, len(raw), n*k*t.Size(), t, n, k)
	}
	return &Matrix{Name: name, N: n, K: k, Type: t, Raw: raw}, nil
}
