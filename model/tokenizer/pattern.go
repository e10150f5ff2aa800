package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// maxPattern bounds a pattern's length. The longest in use have 500 bytes.
const maxPattern = 8 << 10

// pattern is a regular expression with look-ahead, which package regexp lacks, or a literal text.
type pattern struct {
	text string
	re   *regexp2.Regexp // nil: literal
}

// newPattern compiles an expression. It refuses unbounded repetitions inside repetitions, whose time may be
// exponential.
func newPattern(expression string) (*pattern, error) {
	if len(expression) > maxPattern {
		return nil, fmt.Errorf("a pattern of %d bytes, want at most %d", len(expression), maxPattern)
	}
	if nested(expression) {
		return nil, fmt.Errorf("pattern %q repeats a repetition: its time may be exponential", expression)
	}
	re, err := regexp2.Compile(widen(expression), regexp2.OptionMaxBacktrackingStackSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expression, err)
	}
	return &pattern{re: re}, nil
}

// newLiteral returns a pattern that matches text literally.
func newLiteral(text string) (*pattern, error) {
	if text == "" {
		return nil, errors.New("an empty pattern")
	}
	return &pattern{text: text}, nil
}

// split calls yield for the matches in text and for the parts between them, from left to right, none of them empty. If
// a match exceeds the bound on backtracking, the rest of text is one part.
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
	done, seen := 0, 0 // bytes and runes that have been yielded
	upTo := func(end int) string {
		from := done
		for ; seen < end; seen++ {
			done += utf8.RuneLen(runes[seen])
		}
		return text[from:done]
	}
	// After an error the rest is yielded below.
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

// nested reports whether an unbounded repetition repeats a group with an unbounded repetition inside.
func nested(expression string) bool {
	open := []bool{false} // for each open group: whether it repeats something
	inClass, closed := false, false
	for i := 0; i < len(expression); i++ {
		was := closed // a group that repeats something ends before this character
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
		case c == '*', c == '+' && (i == 0 || !strings.ContainsRune("*+?}", rune(expression[i-1]))),
			unboundedCount(expression[i:]):
			if was {
				return true
			}
			open[len(open)-1] = true
		}
	}
	return false
}

// unboundedCount reports whether text begins with a count without bound, such as "{3,}", or above 999.
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
