package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unquote replaces the escape sequences of a Python string literal. Unknown ones stay.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if simple, ok := map[byte]string{
			'n': "\n", 't': "\t", 'r': "\r", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v",
			'\n': "",
		}[s[i]]; ok {
			b.WriteString(simple)
			continue
		}
		base, digits := 16, map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		from := i + 1
		if s[i] >= '0' && s[i] <= '7' {
			base, from, digits = 8, i, 1
			for digits < 3 && i+digits < len(s) && s[i+digits] >= '0' && s[i+digits] <= '7' {
				digits++
			}
		}
		if digits > 0 && from+digits <= len(s) {
			if n, err := strconv.ParseUint(s[from:from+digits], base, 32); err == nil && n <= utf8.MaxRune {
				b.WriteRune(rune(n))
				i = from + digits - 1
				continue
			}
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}
