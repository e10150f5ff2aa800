package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/x448/float16"

	"fettle/internal/compute"
)

// RangeError is the error of numbers that are not finite, or that a type cannot hold.
type RangeError string

func (e RangeError) Error() string { return string(e) }

func rangef(format string, args ...any) error { return RangeError(fmt.Sprintf(format, args...)) }

// Encode writes src to dst as elements of type F32, F16, BF16 or a quantized type of GGUF, rounded to nearest, ties to
// even, or as package block quantizes. dst has the length that the type requires for len(src) elements, which are whole
// rows. Numbers that are not finite, or beyond the type's range, are an error.
func Encode(t Type, dst []byte, src []float32) error {
	if want, err := t.Bytes([]int{len(src)}); err != nil {
		return err
	} else if want != uint64(len(dst)) {
		return fmt.Errorf("encode as %s: %d bytes for %d elements, want %d", t, len(dst), len(src), want)
	}
	largest, err := magnitude(src)
	if err != nil {
		return fmt.Errorf("encode as %s: %w", t, err)
	}
	le := binary.LittleEndian
	switch t {
	case F32:
		for i, x := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	case F16:
		for i, x := range src {
			h := float16.Fromfloat32(x)
			if h.IsInf(0) {
				return rangef("encode as F16: element %d is %v, want at most 65504 in magnitude; BF16 and F32 hold it", i, x)
			}
			le.PutUint16(dst[2*i:], h.Bits())
		}
	case BF16:
		for i, x := range src {
			b := compute.ToBF16(x)
			if b&0x7f80 == 0x7f80 {
				return rangef("encode as BF16: element %d is %v, which rounds to infinity; F32 holds it", i, x)
			}
			le.PutUint16(dst[2*i:], b)
		}
	default:
		blocks, ok := quantized[t]
		if !ok {
			return fmt.Errorf("cannot encode as %s, want F32, F16, BF16 or a quantized type of GGUF", t)
		}
		// Beyond some 2³⁰ no scale is enough; where a fit overflows it may have none at all.
		if blocks.Encode(dst, src); largest > 1<<30 || !blocks.Finite(dst) {
			const message = "encode as %s: its numbers, up to %v in magnitude, need a scale beyond 65504; BF16 and F32 hold them"
			return rangef(message, t, largest)
		}
	}
	return nil
}

// magnitude returns the largest magnitude, and an error for a number that is not finite.
func magnitude(src []float32) (float32, error) {
	var largest uint32 // without sign, numbers have the order of their bits
	for _, x := range src {
		largest = max(largest, math.Float32bits(x)&^(1<<31))
	}
	if x := math.Float32frombits(largest); x <= math.MaxFloat32 {
		return x, nil
	}
	i := slices.IndexFunc(src, func(x float32) bool { return x-x != 0 })
	return 0, rangef("element %d is %v, want a finite number", i, src[i])
}
