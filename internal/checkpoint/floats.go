package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/x448/float16"

	"fettle/internal/compute"
)

// Float32s copies t as float32. BF16 and F16 are exact; F64 is rounded, and so are the products of quantized types.
func Float32s(t Tensor) ([]float32, error) {
	le := binary.LittleEndian
	per, size := t.Type.Block(), max(1, t.Type.BlockBytes())
	out := make([]float32, len(t.Data)/size*per)
	switch t.Type {
	case F64:
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(t.Data[8*i:])))
		}
	case F32:
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(t.Data[4*i:]))
		}
	case F16:
		for i := range out {
			out[i] = half(t.Data[2*i:])
		}
	case BF16:
		for i := range out {
			out[i] = compute.FromBF16(le.Uint16(t.Data[2*i:]))
		}
	default:
		blocks, ok := quantized[t.Type]
		if !ok {
			return nil, fmt.Errorf("tensor %s: dtype %s, want F64, F32, F16, BF16 or a quantized type of GGUF", t.Name, t.Type)
		}
		blocks.Decode(out, t.Data[:len(t.Data)/size*size])
	}
	return out, nil
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
