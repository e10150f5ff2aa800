package lineedit

import (
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"fettle/internal/human"
)

// pastes are the texts that are not shown while a message is edited. A mark stands for each.
type pastes struct{ texts []string }

// shown returns the text itself, or a mark for it if it would fill more than half of the terminal or control it.
func (p *pastes) shown(text string) string {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	long := err == nil && width > 0 && rows(text, width) > max(height/2, 1)
	if !long && !strings.ContainsFunc(text, controls) {
		return text
	}
	p.texts = append(p.texts, text)
	return p.mark(len(p.texts) - 1)
}

// controls reports whether a terminal may take a character as a command.
func controls(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// mark names a text.
func (p *pastes) mark(i int) string {
	text := strings.TrimRight(p.texts[i], "\n")
	lines := "1 line"
	if n := strings.Count(text, "\n"); n > 0 {
		lines = human.Count(n+1) + " lines"
	}
	return fmt.Sprintf("[paste %d: %s, %s characters]", i+1, lines, human.Count(utf8.RuneCountInString(text)))
}

// whole puts the texts in place of their marks.
func (p *pastes) whole(message string) string {
	var pairs []string
	for i, text := range p.texts {
		pairs = append(pairs, p.mark(i), text)
	}
	return strings.NewReplacer(pairs...).Replace(message)
}
