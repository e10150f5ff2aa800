package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/x448/float16"
)

// Float32s copies t as float32. BF16 and F16 are exact; F64 is rounded.
func Float32s(t Tensor) ([]float32, error) {
	le := binary.LittleEndian
	out := make([]float32, len(t.Data)/int(max(1, sizes[t.DType])))
	switch t.DType {
	case "F64":
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(t.Data[8*i:])))
		}
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(t.Data[4*i:]))
		}
	case "F16":
		for i := range out {
			out[i] = float16.Frombits(le.Uint16(t.Data[2*i:])).Float32()
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(t.Data[2*i:])) << 16)
		}
	default:
		return nil, fmt.Errorf("tensor %s: dtype %s, want F64, F32, F16 or BF16", t.Name, t.DType)
	}
	return out, nil
}

// FromFloat32s is data as an F32 tensor: a view, which changes with data.
func FromFloat32s(name string, shape []int, data []float32) Tensor {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data)) // little-endian, as all machines this program is for
	return Tensor{Name: name, DType: "F32", Shape: shape, Data: raw}
}
