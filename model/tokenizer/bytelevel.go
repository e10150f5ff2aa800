package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteAlphabet maps bytes to the characters that GPT-2's vocabularies print for them: a printable Latin-1 character
// stands for itself, the other bytes are U+0100 and up, in order. A space prints as Ġ, a line break as Ċ. Radford et
// al. 2019.
type byteAlphabet struct {
	chars  [256]rune
	values map[rune]byte
}

func newByteAlphabet() byteAlphabet {
	a := byteAlphabet{values: make(map[rune]byte, 256)}
	next := rune(0x100)
	for b := range rune(256) {
		char := b
		if !(b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®') {
			char, next = next, next+1
		}
		a.chars[b], a.values[char] = char, byte(b)
	}
	return a
}

// spell returns the characters of bytes.
func (a byteAlphabet) spell(bytes string) string {
	var b strings.Builder
	for i := range len(bytes) {
		b.WriteRune(a.chars[bytes[i]])
	}
	return b.String()
}

// read inverts spell. It returns spelled itself and false if that has characters outside the alphabet.
func (a byteAlphabet) read(spelled string) (string, bool) {
	bytes := make([]byte, 0, utf8.RuneCountInString(spelled))
	for _, char := range spelled {
		b, ok := a.values[char]
		if !ok {
			return spelled, false
		}
		bytes = append(bytes, b)
	}
	return string(bytes), true
}
