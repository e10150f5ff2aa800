package human

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns returns the columns of a terminal that a line takes: two for a wide letter, none for a combining one or for a
// sequence that sets colours.
func Columns(line string) int {
	n, escape := 0, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = !unicode.IsLetter(r)
		default:
			n += columns(r)
		}
	}
	return n
}

func columns(r rune) int {
	if r < 0x80 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Cut shortens a line to so many columns, the last of which shows that something is left out.
func Cut(line string, most int) string {
	if Columns(line) <= most {
		return line
	}
	var b strings.Builder
	n := 0
	for _, r := range line {
		if n += columns(r); n >= most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ") + "…"
}
