package kernel

import (
	"math"
	"unsafe"
)

// Word holds 32 bits, whose meaning follows from the kernel that takes them: a float32, an int32, two halves or
// bfloat16, four bytes, or eight codes of four bits; the first of them lowest. Of codes the first four are the lower
// halves of the bytes, the others the upper ones.
type Word uint32

// Words views float32 as words.
func Words(x []float32) []Word { return *(*[]Word)(unsafe.Pointer(&x)) }

// Floats views words as float32.
func Floats(w []Word) []float32 { return *(*[]float32)(unsafe.Pointer(&w)) }

// Ints views words as int32.
func Ints(w []Word) []int32 { return *(*[]int32)(unsafe.Pointer(&w)) }

// Int8s views words as int8.
func Int8s(w []Word) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(w))), 4*len(w))
}

// BytesAsWords views bytes as words.
func BytesAsWords(raw []byte) []Word {
	return unsafe.Slice((*Word)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/4)
}

// LittleEndian reports whether this machine stores numbers as model files do.
func LittleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// Halves returns the lower and the upper 16 bits.
func (w Word) Halves() (low, high uint16) { return uint16(w), uint16(w >> 16) }

// Byte returns byte i.
func (w Word) Byte(i int) int8 { return int8(w >> (8 * i)) }

// Code returns code i of four bits.
func (w Word) Code(i int) int { return int(w >> codeShift(i) & 15) }

// CodeWord returns the word in which code i is the given one, and all others are zero.
func CodeWord(code byte, i int) Word { return Word(code) << codeShift(i) }

func codeShift(i int) int { return 8*(i%4) + 4*(i/4) }

// word returns the word of a float32.
func word(v float32) Word { return Word(math.Float32bits(v)) }

func (w Word) float() float32 { return math.Float32frombits(uint32(w)) }

// pair returns the word of two halves.
func pair(low, high uint16) Word { return Word(high)<<16 | Word(low) }
