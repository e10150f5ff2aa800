package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/x448/float16"

	"fettle/internal/compute"
)

// Float32s copies t as float32, in the order of its rows. BF16 and F16 are exact; F64 is rounded, and so are the
// products of quantized types.
func Float32s(t Tensor) ([]float32, error) {
	per, size := t.Type.Block(), max(1, t.Type.BlockBytes())
	out := make([]float32, t.Size()/size*per)
	rest := out
	for raw := range t.Runs() {
		n := len(raw) / size * per
		if !t.Type.decode(rest[:n], raw) {
			return nil, fmt.Errorf("tensor %s: dtype %s, want F64, F32, F16, BF16 or a quantized type of GGUF", t.Name, t.Type)
		}
		rest = rest[n:]
	}
	return out, nil
}

// decode widens or rounds whole blocks to float32; false for a type that has no numbers of use.
func (t Type) decode(dst []float32, raw []byte) bool {
	le := binary.LittleEndian
	switch t {
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(raw[8*i:])))
		}
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = half(raw[2*i:])
		}
	case BF16:
		for i := range dst {
			dst[i] = compute.FromBF16(le.Uint16(raw[2*i:]))
		}
	default:
		blocks, ok := quantized[t]
		if ok {
			blocks.Decode(dst, raw[:len(dst)/blocks.Elements*blocks.Bytes])
		}
		return ok
	}
	return true
}

func half(raw []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(raw)).Float32() }

// FromFloat32s returns a view of data as an F32 tensor; it shares data's memory.
func FromFloat32s(name string, shape []int, data []float32) Tensor {
	// Every machine that Go compiles this program for is little-endian.
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
	return Tensor{Name: name, Type: F32, Shape: shape, Data: raw}
}

// Rounded returns data as a tensor of type F32, F16 or BF16, rounded to nearest, ties to even.
func Rounded(name string, as Type, shape []int, data []float32) (Tensor, error) {
	t := Tensor{Name: name, Type: as, Shape: shape}
	switch as {
	case F32:
		return FromFloat32s(name, shape, data), nil
	case F16:
		for _, x := range data {
			t.Data = binary.LittleEndian.AppendUint16(t.Data, float16.Fromfloat32(x).Bits())
		}
	case BF16:
		for _, x := range data {
			t.Data = binary.LittleEndian.AppendUint16(t.Data, compute.ToBF16(x))
		}
	default:
		return t, fmt.Errorf("tensor %s: cannot round to %s, want F32, F16 or BF16", name, as)
	}
	return t, nil
}
