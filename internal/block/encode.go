package block

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// Encode quantizes whole blocks, len(src)/Elements of them, with the same bytes as llama.cpp's reference without an
// importance matrix. It panics unless dst has room for exactly these blocks. Numbers that are not finite, or too
// large for a half as scale, give blocks that Finite rejects.
func (t Type) Encode(dst []byte, src []float32) {
	if len(src)%t.Elements != 0 || len(dst) != len(src)/t.Elements*t.Bytes {
		panic("block: dst does not fit the blocks of src")
	}
	for len(src) > 0 {
		t.encode(dst[:t.Bytes], src[:t.Elements])
		dst, src = dst[t.Bytes:], src[t.Elements:]
	}
}

// Finite reports whether the halves d and m of all blocks are finite.
func (t Type) Finite(blocks []byte) bool {
	const exponent = 0x7c00 // all ones: infinite or not a number
	for ; len(blocks) > 0; blocks = blocks[t.Bytes:] {
		for _, at := range t.halves {
			if binary.LittleEndian.Uint16(blocks[at:])&exponent == exponent {
				return false
			}
		}
	}
	return true
}

// putHalf writes x rounded to a half, ties to even, and returns the half.
func putHalf(dst []byte, x float32) float32 {
	h := float16.Fromfloat32(x)
	binary.LittleEndian.PutUint16(dst, h.Bits())
	return h.Float32()
}

// inverse returns 1/d, and 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// whole rounds x toward zero. It returns 0 for numbers beyond an int32: where the inverse of a subnormal scale is
// infinite, every element is 0 times the scale, which rounds to a half of 0.
func whole(x float32) int32 {
	if x > -1<<31 && x < 1<<31 {
		return int32(x)
	}
	return 0
}

// nearest rounds x to the nearest whole number, ties away from zero, and to 0 where whole does.
func nearest(x float32) int32 {
	x = float32(x) // a product, to be rounded before the difference
	n := whole(x)
	switch rest := x - float32(n); {
	case rest >= 0.5 && rest < 1:
		return n + 1
	case rest <= -0.5 && rest > -1:
		return n - 1
	}
	return n
}

// extreme returns the element of the largest magnitude, the first of several.
func extreme(src []float32) (x float32) {
	var largest float32
	for _, v := range src {
		if a := abs(v); a > largest {
			largest, x = a, v
		}
	}
	return x
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// span returns the smallest and the largest element.
func span(src []float32) (low, high float32) {
	low, high = math.MaxFloat32, -math.MaxFloat32
	for _, v := range src {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	return low, high
}

// toQ8_0 takes the scale from the largest magnitude: d = max |x| / 127.
func toQ8_0(dst []byte, src []float32) {
	d := abs(extreme(src)) / 127
	id := inverse(d)
	putHalf(dst, d)
	for i, x := range src {
		dst[2+i] = byte(nearest(x * id))
	}
}

// toQ4_0 gives the element of the largest magnitude the value −8·d.
func toQ4_0(dst []byte, src []float32) {
	d := extreme(src) / -8
	id := inverse(d)
	putHalf(dst, d)
	for i := range 16 {
		low, high := whole(float32(src[i]*id)+8.5), whole(float32(src[i+16]*id)+8.5)
		dst[2+i] = byte(min(15, low) | min(15, high)<<4)
	}
}

// toQ4_1 spreads the steps from the smallest element to the largest.
func toQ4_1(dst []byte, src []float32) {
	m, high := span(src)
	d := (high - m) / 15
	id := inverse(d)
	putHalf(dst, d)
	putHalf(dst[2:], m)
	for i := range 16 {
		low, high := whole(float32((src[i]-m)*id)+0.5), whole(float32((src[i+16]-m)*id)+0.5)
		dst[4+i] = byte(min(15, low) | min(15, high)<<4)
	}
}

// toQ5_0 is toQ4_0 with twice the steps.
func toQ5_0(dst []byte, src []float32) {
	d := extreme(src) / -16
	id := inverse(d)
	putHalf(dst, d)
	var fifth uint32
	for i := range 16 {
		low, high := min(31, whole(float32(src[i]*id)+16.5)), min(31, whole(float32(src[i+16]*id)+16.5))
		dst[6+i] = byte(low&15 | high&15<<4)
		fifth |= uint32(low)>>4&1<<i | uint32(high)>>4&1<<(i+16)
	}
	binary.LittleEndian.PutUint32(dst[2:], fifth)
}

// toQ5_1 is toQ4_1 with twice the steps.
func toQ5_1(dst []byte, src []float32) {
	m, high := span(src)
	d := (high - m) / 31
	id := inverse(d)
	putHalf(dst, d)
	putHalf(dst[2:], m)
	var fifth uint32
	for i := range 16 {
		low, high := whole(float32((src[i]-m)*id)+0.5), whole(float32((src[i+16]-m)*id)+0.5)
		dst[8+i] = byte(low&15 | high&15<<4)
		fifth |= uint32(low)>>4&1<<i | uint32(high)>>4&1<<(i+16)
	}
	binary.LittleEndian.PutUint32(dst[4:], fifth)
}
