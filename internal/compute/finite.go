package compute

import "encoding/binary"

// words has, for types whose elements stand alone, the exponents of all elements in a word, their lowest bits, and the
// signs, which are the bits above.
var words = map[DType]struct{ exponents, lowest, signs uint64 }{
	F32:  {0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000},
	BF16: {0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080, 0x8000_8000_8000_8000},
	F16:  {0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000},
}

// Finite reports whether all elements in raw, whole rows of this type, and all scales of their blocks are finite.
// Quantize makes only such.
func (t DType) Finite(raw []byte) bool {
	if b, ok := t.Block(); ok {
		return b.Finite(raw)
	}
	w := words[t]
	sums := uint64(0) // an exponent of ones, and one more, carries into the sign
	for ; len(raw) >= 8; raw = raw[8:] {
		sums |= binary.LittleEndian.Uint64(raw)&w.exponents + w.lowest
	}
	var rest [8]byte
	copy(rest[:], raw)
	sums |= binary.LittleEndian.Uint64(rest[:])&w.exponents + w.lowest
	return sums&w.signs == 0
}
