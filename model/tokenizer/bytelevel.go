package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteAlphabet is how GPT-2's vocabularies print bytes: those of printable
// Latin-1 characters as these, the others as U+0100 and up, in order. The space
// becomes Ġ, the line break Ċ. Radford et al. 2019.
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

// spell prints bytes.
func (a byteAlphabet) spell(bytes string) string {
	var b strings.Builder
	for i := range len(bytes) {
		b.WriteRune(a.chars[bytes[i]])
	}
	return b.String()
}

// read undoes spell. What has other characters is no bytes.
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
