package compute

import (
	"encoding/binary"
	"math"

	"fettle/internal/block"
)

// FromBF16 widens a bfloat16, the upper half of a float32.
func FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even. NaN stays NaN.
func ToBF16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x40
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// FromF16 widens an IEEE 754 half: 1 sign, 5 exponent, 10 mantissa bits.
func FromF16(h uint16) float32 {
	sign, exp, man := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 0: // zero and subnormals: man · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(man)*0x1p-24))
	case 31: // infinities and NaN
		return math.Float32frombits(sign | 0xff<<23 | man<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | man<<13)
}

// Rows is implemented by a device's own layout, from which weights can still be read.
type Rows interface {
	// Row writes elements k0 … k0+len(dst)-1 of row i.
	Row(dst []float32, i, k0 int)
}

// Row widens elements k0 … k0+len(dst)-1 of row i of w, wherever they are kept.
func (w *Matrix) Row(dst []float32, i, k0 int) {
	if i < 0 || i >= w.N || k0 < 0 || k0+len(dst) > w.K {
		panic("compute: matrix element out of range")
	}
	if w.Raw == nil {
		w.Packed.(Rows).Row(dst, i, k0)
		return
	}
	row := w.RowBytes(i)
	if b, ok := w.Type.Block(); ok {
		decode(dst, row, b, k0)
		return
	}
	widen(dst, row[k0*w.Type.Size():], w.Type)
}

// decode writes elements k0 … k0+len(dst)-1 of a row of blocks, whole blocks in place.
func decode(dst []float32, row []byte, b block.Type, k0 int) {
	var one [256]float32
	for len(dst) > 0 {
		at, from := row[k0/b.Elements*b.Bytes:], k0%b.Elements
		n := len(dst) / b.Elements * b.Elements
		if from == 0 && n > 0 {
			b.Decode(dst[:n], at[:n/b.Elements*b.Bytes])
		} else {
			b.Decode(one[:b.Elements], at[:b.Bytes])
			n = copy(dst, one[from:b.Elements])
		}
		dst, k0 = dst[n:], k0+n
	}
}

// widen decodes len(dst) little-endian elements of type t from raw.
func widen(dst []float32, raw []byte, t DType) {
	raw = raw[:len(dst)*t.Size()]
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = FromBF16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = FromF16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	}
}

// Need panics unless a slice of length have holds want elements.
func Need(have, want int) {
	if have < want {
		panic("compute: slice too short")
	}
}
