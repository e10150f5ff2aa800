package human

import (
	"strings"
)

// Wrap breaks a text at spaces so that its lines have at most width columns. Paragraphs are parted by empty lines, and
// wrapped as one. A line that begins with spaces stands for itself; its continuation is indented up to its second
// column, which begins after two spaces or more, or else by two more. Longer words stay whole.
func Wrap(text string, width int) string {
	var lines []string
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			lines = append(lines, Hang("", strings.Join(paragraph, " "), 0, width))
		}
		paragraph = nil
	}
	for _, line := range strings.Split(text, "\n") {
		switch {
		case line == "":
			flush()
			lines = append(lines, "")
		case line[0] == ' ':
			flush()
			lines = append(lines, row(line, width))
		default:
			paragraph = append(paragraph, line)
		}
	}
	flush()
	return strings.Join(lines, "\n")
}

// row wraps a line that stands for itself.
func row(line string, width int) string {
	body := strings.TrimLeft(line, " ")
	indent := len(line) - len(body)
	if first, rest, ok := strings.Cut(body, "  "); ok {
		rest = strings.TrimLeft(rest, " ")
		column := Columns(line) - Columns(rest)
		if column > width*2/3 {
			return Hang(line[:indent]+first, rest, indent+4, width)
		}
		return Hang(line[:indent]+first, rest, column, width)
	}
	return Hang(line[:indent], body, indent+2, width)
}

// Hang writes head, then text from the given column on, in lines of at most width columns. If head leaves no space
// before the column, the text begins on a line of its own; an indent of spaces alone is followed by the text at once. A
// no-break space (U+00A0) is written as a space at which no line ends.
func Hang(head, text string, column, width int) string {
	if text == "" {
		return head
	}
	var b strings.Builder
	b.WriteString(head)
	at := Columns(head)
	pad := func(to int) {
		b.WriteString(strings.Repeat(" ", max(0, to-at)))
		at = max(at, to)
	}
	empty := true // nothing of the text stands on this line
	switch {
	case strings.TrimSpace(head) == "":
	case at < column-1:
		pad(column)
	default:
		b.WriteString("\n")
		at = 0
		pad(column)
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' }) {
		n := Columns(word)
		if !empty && at+1+n > width {
			b.WriteString("\n")
			at, empty = 0, true
			pad(column)
		}
		if !empty {
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at, empty = at+n, false
	}
	return strings.ReplaceAll(b.String(), "\u00a0", " ")
}
