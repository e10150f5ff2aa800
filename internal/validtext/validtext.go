// Package validtext replaces bytes that are not UTF-8.
package validtext

import (
	"strings"
	"unicode/utf8"
)

// Of returns text with U+FFFD for each invalid byte, and one for the bytes that begin a character and do not complete
// it, as Python and Rust decode such bytes (Unicode, section 3.9, U+FFFD substitution of maximal subparts).
func Of(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			n = Begun(text)
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String()
}

// Begun returns the length of the character that invalid bytes begin and do not complete; 1 if they begin none.
func Begun(bytes string) int {
	for n := min(len(bytes), utf8.UTFMax-1); n > 1; n-- {
		if !utf8.FullRuneInString(bytes[:n]) {
			return n
		}
	}
	return 1
}
