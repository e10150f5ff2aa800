package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// maxPattern bounds a pattern's length. The longest in use have 500 bytes.
const maxPattern = 8 << 10

// pattern is a regular expression with look-ahead, which package regexp lacks, or a literal text.
type pattern struct {
	text string
	re   *regexp2.Regexp // nil: literal
	slow atomic.Bool     // a search took too long: the pattern is not tried again
}

// matchTime bounds the search for one match. Patterns in use take microseconds.
const matchTime = time.Second

// newPattern compiles an expression. It refuses repetitions of what repeats, whose time may be exponential.
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
	re.MatchTimeout = matchTime
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
// a search exceeds its bound on backtracking or time, the rest of text is one part; after one of time, so is all text.
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
	search := func() error {
		return p.re.FindRunesMatches(runes, seen, func(m regexp2.MatchView) bool {
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
	}
	for tries := 0; !p.slow.Load(); tries++ {
		err := search()
		if err == nil || errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
			break
		}
		p.slow.Store(tries > 0) // the first time, the whole process may have been stopped
	}
	if done < len(text) {
		yield(text[done:], false)
	}
}

// nested reports whether a repetition repeats a group of varying length: with a repetition or an optional part inside.
// Its matches, and the ways to miss one, may be exponentially many.
func nested(expression string) bool {
	open := []bool{false} // for each open group: whether its length varies
	inClass, closed, counted := false, false, false
	for i := 0; i < len(expression); i++ {
		group, lazy := closed, counted // whether a group that varies, or a repetition, ends before this character
		closed, counted = false, false
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
			if strings.HasPrefix(expression[i+1:], "?") {
				i++
			}
		case c == ')' && len(open) > 1:
			closed = open[len(open)-1]
			open = open[:len(open)-1]
			open[len(open)-1] = open[len(open)-1] || closed
		default:
			length, varies, repeats := repetition(expression[i:])
			if length == 0 || lazy && (c == '?' || c == '+') {
				continue
			}
			if group && repeats {
				return true
			}
			open[len(open)-1] = open[len(open)-1] || varies
			i += length - 1
			counted = true
		}
	}
	return false
}

// repetition returns the length of the repetition that text begins with, 0 for none, whether its count varies, and
// whether it may be above one.
func repetition(text string) (length int, varies, repeats bool) {
	switch text[0] {
	case '*', '+':
		return 1, true, true
	case '?':
		return 1, true, false
	case '{':
		count, _, ok := strings.Cut(text[1:], "}")
		least, most, ranges := strings.Cut(count, ",")
		if !ok || count == "" || strings.Trim(count, "0123456789,") != "" {
			return 0, false, false
		}
		if !ranges {
			most = least
		}
		return len(count) + 2, most != least, most != "0" && most != "1"
	}
	return 0, false, false
}
