// Package block decodes and encodes rows of numbers that share a scale by blocks: the quantized types of GGUF files.
//
// In all of them d and m are halves, q small whole numbers, low nibbles the first half of a block of 32 and high ones
// the second. Types with K in their name have blocks of 256 elements, which parts of 16 or 32 with scales of their own
// make up. Every product and sum is rounded to float32, in the order in which it is written.
package block

import (
	"encoding/binary"

	"github.com/x448/float16"
)

// Type is a type of blocks.
type Type struct {
	Elements int // of a block
	Bytes    int
	decode   func(dst []float32, src []byte) // one block
	encode   func(dst []byte, src []float32) // one block
	halves   []int                           // where d and m stand in it
}

// The types by the names that GGUF gives them; x is the value of an element.
var (
	// d, 16 bytes of nibbles: x = d·(q − 8)
	Q4_0 = Type{32, 18, q4_0, toQ4_0, []int{0}}
	// d, m, 16 bytes of nibbles: x = d·q + m
	Q4_1 = Type{32, 20, q4_1, toQ4_1, []int{0, 2}}
	// d, 32 fifth bits, 16 bytes of nibbles: x = d·(q − 16)
	Q5_0 = Type{32, 22, q5_0, toQ5_0, []int{0}}
	// d, m, 32 fifth bits, 16 bytes of nibbles: x = d·q + m
	Q5_1 = Type{32, 24, q5_1, toQ5_1, []int{0, 2}}
	// d, 32 int8: x = d·q
	Q8_0 = Type{32, 34, q8_0, toQ8_0, []int{0}}
	// 16 pairs of nibbles (s, t), 64 bytes of 2 bits, d, m: x = d·s·q − m·t
	Q2_K = Type{256, 84, q2_K, toQ2_K, []int{80, 82}}
	// 256 high bits, 64 bytes of 2 bits, 16 scales s of 6 bits, d: x = d·(s − 32)·(q − 4)
	Q3_K = Type{256, 110, q3_K, toQ3_K, []int{108}}
	// d, m, 8 pairs (s, t) of 6 bits, 128 bytes of nibbles: x = d·s·q − m·t
	Q4_K = Type{256, 144, q4_K, toQ4_K, []int{0, 2}}
	// d, m, 8 pairs (s, t) of 6 bits, 256 fifth bits, 128 bytes of nibbles: as Q4_K
	Q5_K = Type{256, 176, q5_K, toQ5_K, []int{0, 2}}
	// 128 bytes of nibbles, 64 of 2 high bits, 16 int8 scales s, d: x = d·s·(q − 32)
	Q6_K = Type{256, 210, q6_K, toQ6_K, []int{208}}
	// d, 16 bytes of nibbles: x = d·levels[q]
	IQ4_NL = Type{32, 18, iq4_NL, toIQ4_NL, []int{0}}
	// d, 8 scales s of 6 bits, 128 bytes of nibbles: x = d·(s − 32)·levels[q]
	IQ4_XS = Type{256, 136, iq4XS, toIQ4_XS, []int{0}}
)

// Decode computes the elements of whole blocks: len(src)/Bytes of them. It panics unless dst has room for them.
func (t Type) Decode(dst []float32, src []byte) {
	if len(src)%t.Bytes != 0 || len(dst) != len(src)/t.Bytes*t.Elements {
		panic("block: dst does not fit the blocks of src")
	}
	for len(src) > 0 {
		t.decode(dst[:t.Elements], src[:t.Bytes])
		dst, src = dst[t.Elements:], src[t.Bytes:]
	}
}

// half reads a little-endian half.
func half(src []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(src)).Float32() }

func q4_0(dst []float32, src []byte) {
	d := half(src)
	for i, q := range src[2:] {
		dst[i] = d * float32(int(q&15)-8)
		dst[i+16] = d * float32(int(q>>4)-8)
	}
}

func q4_1(dst []float32, src []byte) {
	d, m := half(src), half(src[2:])
	for i, q := range src[4:] {
		dst[i] = float32(d*float32(q&15)) + m
		dst[i+16] = float32(d*float32(q>>4)) + m
	}
}

// fifth returns bit i of the fifth bits, at its place.
func fifth(bits uint32, i int) byte { return byte(bits>>i&1) << 4 }

func q5_0(dst []float32, src []byte) {
	d, high := half(src), binary.LittleEndian.Uint32(src[2:])
	for i, q := range src[6:] {
		dst[i] = d * float32(int(q&15|fifth(high, i))-16)
		dst[i+16] = d * float32(int(q>>4|fifth(high, i+16))-16)
	}
}

func q5_1(dst []float32, src []byte) {
	d, m, high := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:])
	for i, q := range src[8:] {
		dst[i] = float32(d*float32(q&15|fifth(high, i))) + m
		dst[i+16] = float32(d*float32(q>>4|fifth(high, i+16))) + m
	}
}

func q8_0(dst []float32, src []byte) {
	d := half(src)
	for i, q := range src[2:] {
		dst[i] = d * float32(int8(q))
	}
}

// levels are the values of a nibble of the IQ4 types.
var levels = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func iq4_NL(dst []float32, src []byte) {
	d := half(src)
	for i, q := range src[2:] {
		dst[i] = d * levels[q&15]
		dst[i+16] = d * levels[q>>4]
	}
}
