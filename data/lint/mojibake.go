package lint

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// windows1252 has the characters of bytes 0x80–0x9F; 0: none.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// byte1252 returns the byte of a character in Windows-1252.
func byte1252(r rune) (byte, bool) {
	if r < 0x100 {
		return byte(r), true
	}
	if i := slices.Index(windows1252[:], r); i >= 0 {
		return byte(0x80 + i), true
	}
	return 0, false
}

// mangled decodes a character at the beginning of text that is mojibake: UTF-8 read
// as Windows-1252 and written as UTF-8 again. n is its length in text, 0 if text does
// not begin with one.
func mangled(text string) (r rune, n int) {
	var raw [utf8.UTFMax]byte
	for k := range raw {
		c, size := utf8.DecodeRuneInString(text[n:])
		b, ok := byte1252(c)
		if !ok || size == 0 || k == 0 && !leads(b) || k > 0 && b&0xc0 != 0x80 || k == 1 && raw[0] >= 0xe0 && b >= 0xa0 {
			return 0, 0
		}
		raw[k], n = b, n+size
		if utf8.FullRune(raw[:k+1]) {
			r, size := utf8.DecodeRune(raw[:k+1])
			if r == utf8.RuneError || size != k+1 {
				return 0, 0
			}
			return r, n
		}
	}
	return 0, 0
}

// leads reports whether a byte begins the UTF-8 of accented Latin, Cyrillic,
// punctuation and signs, which are common in mojibake. Other bytes would take real
// text for broken, as « café» followed by a fixed space.
func leads(b byte) bool {
	return b == 0xc2 || b == 0xc3 || b == 0xd0 || b == 0xd1 || b == 0xe2 || b == 0xf0
}

// mangledStart returns the place of the first mangled character, −1 if there is
// none.
func mangledStart(text string) int {
	for at := 0; at < len(text); {
		i := strings.IndexFunc(text[at:], func(r rune) bool { return r >= 0xc2 && r <= 0xf0 && leads(byte(r)) })
		if i < 0 {
			return -1
		}
		at += i
		if _, n := mangled(text[at:]); n > 0 {
			return at
		}
		at += 2 // such a character takes two bytes
	}
	return -1
}

// mojibakeIn describes the first mangled character.
func mojibakeIn(text string) string {
	at := mangledStart(text)
	if at < 0 {
		return ""
	}
	r, n := mangled(text[at:])
	return "“" + text[at:at+n] + "” should be “" + string(r) + "”"
}

// unMojibake repairs all mangled characters.
func unMojibake(text string) string {
	if mangledStart(text) < 0 {
		return text
	}
	var b strings.Builder
	for text != "" {
		at := mangledStart(text)
		if at < 0 {
			break
		}
		r, n := mangled(text[at:])
		b.WriteString(text[:at])
		b.WriteRune(r)
		text = text[at+n:]
	}
	return b.String() + text
}
