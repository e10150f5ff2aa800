package compute

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every bit pattern of an element of two bytes, and every exponent of four, at every place of a word and behind it.
func TestFiniteIsTrueOfFiniteElementsAlone(t *testing.T) {
	check := func(typ DType, size int, bits uint32, finite bool) {
		for place := range 24 / size {
			raw := make([]byte, 24-size) // whole words, and a rest
			raw = raw[:len(raw)/size*size]
			at := place * size
			if at+size > len(raw) {
				continue
			}
			var word [4]byte
			binary.LittleEndian.PutUint32(word[:], bits)
			copy(raw[at:], word[:size])
			require.Equal(t, finite, typ.Finite(raw), "%v %#x at %d", typ, bits, at)
		}
	}
	for bits := range uint32(1 << 16) {
		check(BF16, 2, bits, bits&0x7f80 != 0x7f80)
		check(F16, 2, bits, bits&0x7c00 != 0x7c00)
	}
	for high := range uint32(1 << 16) {
		for _, low := range []uint32{0, 1, 0xffff} {
			v := math.Float32frombits(high<<16 | low)
			check(F32, 4, high<<16|low, v-v == 0)
		}
	}
	require.True(t, Int8.Finite([]byte{255, 255}) && F32.Finite(nil))
}
