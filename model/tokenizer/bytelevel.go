package tokenizer

import (
	"strings"
)

// byteAlphabet maps bytes to the characters that GPT-2's vocabularies print for them: a printable Latin-1 character
// stands for itself, the other bytes are U+0100 and up, in order. A space prints as Ġ, a line break as Ċ. Radford et
// al. 2019.
type byteAlphabet struct {
	chars  [256]rune
	values [0x144]int16 // of each character, -1 for the others
}

func newByteAlphabet() byteAlphabet {
	a := byteAlphabet{}
	for char := range a.values {
		a.values[char] = -1
	}
	next := rune(0x100)
	for b := range rune(256) {
		char := b
		if !(b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®') {
			char, next = next, next+1
		}
		a.chars[b], a.values[char] = char, int16(b)
	}
	return a
}

// spell returns the characters of bytes.
func (a *byteAlphabet) spell(bytes string) string {
	var b strings.Builder
	for i := range len(bytes) {
		b.WriteRune(a.chars[bytes[i]])
	}
	return b.String()
}

// read inverts spell. It returns spelled itself and false if that has characters outside the alphabet.
func (a *byteAlphabet) read(spelled string) (string, bool) {
	var few [64]byte
	bytes := few[:0]
	for _, char := range spelled {
		if int(char) >= len(a.values) || a.values[char] < 0 {
			return spelled, false
		}
		bytes = append(bytes, byte(a.values[char]))
	}
	if string(bytes) == spelled {
		return spelled, true // the same memory
	}
	return string(bytes), true
}
