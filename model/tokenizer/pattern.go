package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// maxPattern bounds a pattern's length; the longest in use have 500 bytes.
const maxPattern = 8 << 10

// pattern is a regular expression with look-ahead, which Go's own lack, or a
// text to find.
type pattern struct {
	text string
	re   *regexp2.Regexp // nil: find text
}

// newPattern compiles an expression. Repetitions inside repetitions, whose time
// may be exponential, are refused.
func newPattern(expression string) (*pattern, error) {
	if len(expression) > maxPattern {
		return nil, fmt.Errorf("a pattern of %d bytes, want at most %d", len(expression), maxPattern)
	}
	if nested(expression) {
		return nil, fmt.Errorf("pattern %q repeats a repetition: its time may be exponential", expression)
	}
	re, err := regexp2.Compile(expression, regexp2.OptionMaxBacktrackingStackSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expression, err)
	}
	return &pattern{re: re}, nil
}

// newLiteral finds a text.
func newLiteral(text string) (*pattern, error) {
	if text == "" {
		return nil, errors.New("an empty pattern")
	}
	return &pattern{text: text}, nil
}

// split calls yield for the matches in text and what is between them, from left
// to right, none of them empty. From a match on that takes more memory than any
// sane pattern needs, the rest is one part.
func (p *pattern) split(text string, yield func(part string, match bool)) {
	if p.re == nil {
		for text != "" {
			i := strings.Index(text, p.text)
			if i < 0 {
				yield(text, false)
				return
			}
			if i > 0 {
				yield(text[:i], false)
			}
			yield(p.text, true)
			text = text[i+len(p.text):]
		}
		return
	}
	runes := []rune(text)
	done, seen := 0, 0 // bytes and runes that are behind us
	upTo := func(end int) string {
		from := done
		for ; seen < end; seen++ {
			done += utf8.RuneLen(runes[seen])
		}
		return text[from:done]
	}
	// An error leaves the rest to the last lines.
	_ = p.re.FindRunesMatches(runes, -1, func(m regexp2.MatchView) bool {
		at, n, _ := m.GroupRange(0)
		if n == 0 {
			return true
		}
		if gap := upTo(at); gap != "" {
			yield(gap, false)
		}
		yield(upTo(at+n), true)
		return true
	})
	if done < len(text) {
		yield(text[done:], false)
	}
}

// nested reports whether a group that is repeated without bound has an
// unbounded repetition inside.
func nested(expression string) bool {
	open := []bool{false} // for every open group: does it repeat something?
	inClass, closed := false, false
	for i := 0; i < len(expression); i++ {
		was := closed // the part before this character is a group that repeats something
		closed = false
		switch c := expression[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
			if strings.HasPrefix(expression[i+1:], "]") || strings.HasPrefix(expression[i+1:], "^]") {
				i += 2
			}
		case c == '(':
			open = append(open, false)
		case c == ')' && len(open) > 1:
			closed = open[len(open)-1]
			open = open[:len(open)-1]
			open[len(open)-1] = open[len(open)-1] || closed
		case c == '*' || c == '+' && (i == 0 || !strings.ContainsRune("*+?}", rune(expression[i-1]))) || unboundedCount(expression[i:]):
			if was {
				return true
			}
			open[len(open)-1] = true
		}
	}
	return false
}

// unboundedCount: "{3,}", or a large count.
func unboundedCount(text string) bool {
	if !strings.HasPrefix(text, "{") {
		return false
	}
	count, _, ok := strings.Cut(text[1:], "}")
	if !ok || strings.Trim(count, "0123456789,") != "" {
		return false
	}
	return strings.HasSuffix(count, ",") || len(count) > 3
}
