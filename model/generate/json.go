package generate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// JSON restricts an answer to one JSON object (RFC 8259): a Sampler takes only tokens after which the text is still the
// beginning of one. An object that the limit of tokens cuts off stays open.
type JSON struct {
	pieces []string // text by token, "" for what no answer holds
	at     jsonState
}

// needed lists characters with which every open text can be closed, whatever it is in: a vocabulary that has them as
// tokens never gets stuck.
const needed = `{}[]":,truefalsn0`

// NewJSON returns the restriction for a vocabulary: the text of each token, bytes of incomplete characters included.
// ends are tokens that end an answer. It errs if the vocabulary cannot write JSON.
func NewJSON(size int, piece func(token int32) string, ends []int32) (*JSON, error) {
	j := &JSON{pieces: make([]string, size), at: jsonState{mode: jsonStart}}
	single := map[string]bool{}
	for token := range int32(size) {
		if !slices.Contains(ends, token) {
			j.pieces[token] = piece(token)
			single[j.pieces[token]] = true
		}
	}
	for _, c := range needed {
		if !single[string(c)] {
			return nil, fmt.Errorf("the model cannot write JSON: its vocabulary has no token for %q", c)
		}
	}
	return j, nil
}

// Done reports whether the object is complete.
func (j *JSON) Done() bool { return j.at.mode == jsonEnd }

// restrict makes the tokens impossible that cannot follow.
func (j *JSON) restrict(z []float64) {
	for token := range z {
		if token >= len(j.pieces) || !j.follows(j.pieces[token]) {
			z[token] = math.Inf(-1)
		}
	}
}

// follows reports whether a text can follow. Spaces alone behind the object cannot.
func (j *JSON) follows(text string) bool {
	at := j.at
	return text != "" && at.push(text)
}

// took moves on by a token.
func (j *JSON) took(token int32) { j.at.push(j.pieces[token]) }

type jsonMode uint8

const (
	jsonStart   jsonMode = iota // before the object
	jsonOpened                  // behind {
	jsonKey                     // before a key, behind a comma
	jsonColon                   // behind a key
	jsonValue                   // before a value
	jsonItem                    // behind [
	jsonAfter                   // behind a value
	jsonText                    // in a string
	jsonEscape                  // behind \
	jsonHex                     // in \uXXXX
	jsonWord                    // in true, false or null
	jsonMinus                   // in numbers: behind -,
	jsonZero                    // a first 0,
	jsonDigits                  // other digits,
	jsonPoint                   // the point,
	jsonDecimal                 // digits behind it,
	jsonE                       // e,
	jsonSign                    // its sign,
	jsonPower                   // its digits
	jsonEnd
)

// Bounds of what a model may write without end.
const (
	jsonSpaces = 20 // in a row
	jsonDigit  = 30 // of a number, with all its marks
	jsonPowers = 2  // digits of an exponent
	jsonDepth  = 64
)

// jsonState is the state of a parser that reads byte by byte.
type jsonState struct {
	mode   jsonMode
	key    bool   // the string is a key
	depth  uint8  // open objects and arrays
	kinds  uint64 // bit i: the one at depth i is an object
	count  uint8  // spaces, characters of a number or of \uXXXX so far
	powers uint8  // digits of an exponent
	rest   string // of a word
}

// push reads a text, or returns false where it cannot be read.
func (s *jsonState) push(text string) bool {
	for i := range len(text) {
		if !s.next(text[i]) {
			return false
		}
	}
	return true
}

func (s *jsonState) next(c byte) bool {
	switch s.mode {
	case jsonText:
		switch {
		case c == '"' && s.key:
			s.become(jsonColon)
		case c == '"':
			s.become(jsonAfter)
		case c == '\\':
			s.mode = jsonEscape
		default:
			return c >= ' '
		}
		return true
	case jsonEscape:
		s.mode, s.count = jsonText, 0
		if c == 'u' {
			s.mode = jsonHex
		}
		return strings.IndexByte(`"\/bfnrtu`, c) >= 0
	case jsonHex:
		if s.count++; s.count == 4 {
			s.mode = jsonText
		}
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case jsonWord:
		if s.rest[0] != c {
			return false
		}
		if s.rest = s.rest[1:]; s.rest == "" {
			s.become(jsonAfter)
		}
		return true
	case jsonMinus, jsonZero, jsonDigits, jsonPoint, jsonDecimal, jsonE, jsonSign, jsonPower:
		if s.number(c) {
			return true
		}
		switch s.mode {
		case jsonMinus, jsonPoint, jsonE, jsonSign:
			return false // a digit is missing
		}
		s.become(jsonAfter)
	}
	return s.between(c)
}

// become enters a mode between values.
func (s *jsonState) become(mode jsonMode) { s.mode, s.count = mode, 0 }

// number reads a character of a number, or returns false where the number has ended or would be too long.
func (s *jsonState) number(c byte) bool {
	digit := c >= '0' && c <= '9'
	to := s.mode
	switch {
	case s.mode == jsonMinus && c == '0':
		to = jsonZero
	case s.mode == jsonMinus && digit:
		to = jsonDigits
	case s.mode == jsonDigits && digit:
	case (s.mode == jsonZero || s.mode == jsonDigits) && c == '.':
		to = jsonPoint
	case (s.mode == jsonPoint || s.mode == jsonDecimal) && digit:
		to = jsonDecimal
	case (s.mode == jsonZero || s.mode == jsonDigits || s.mode == jsonDecimal) && (c == 'e' || c == 'E'):
		to = jsonE
	case s.mode == jsonE && (c == '+' || c == '-'):
		to = jsonSign
	case (s.mode == jsonE || s.mode == jsonSign || s.mode == jsonPower) && digit && s.powers < jsonPowers:
		to = jsonPower
		s.powers++
	default:
		return false
	}
	// The last characters are for the digits that a point, an e or a sign still needs.
	if s.count++; s.count > jsonDigit && to != jsonPower && to != jsonDecimal || s.count > jsonDigit+jsonPowers {
		return false
	}
	s.mode = to
	return true
}

// between reads a character between strings, words and numbers.
func (s *jsonState) between(c byte) bool {
	if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
		s.count++
		return s.mode != jsonEnd && s.count <= jsonSpaces
	}
	s.count = 0
	switch {
	case s.mode == jsonStart:
		return c == '{' && s.open(true)
	case (s.mode == jsonOpened || s.mode == jsonKey) && c == '"':
		s.mode, s.key = jsonText, true
	case s.mode == jsonOpened && c == '}', s.mode == jsonItem && c == ']':
		return s.close()
	case s.mode == jsonColon && c == ':':
		s.mode = jsonValue
	case s.mode == jsonAfter && c == ',' && s.inObject():
		s.mode = jsonKey
	case s.mode == jsonAfter && c == ',':
		s.mode = jsonValue
	case s.mode == jsonAfter && (c == '}' && s.inObject() || c == ']' && !s.inObject()):
		return s.close()
	case s.mode == jsonValue || s.mode == jsonItem:
		return s.value(c)
	default:
		return false
	}
	return true
}

// value begins a value.
func (s *jsonState) value(c byte) bool {
	switch {
	case c == '{' || c == '[':
		return s.open(c == '{')
	case c == '"':
		s.mode, s.key = jsonText, false
	case c == 't':
		s.mode, s.rest = jsonWord, "rue"
	case c == 'f':
		s.mode, s.rest = jsonWord, "alse"
	case c == 'n':
		s.mode, s.rest = jsonWord, "ull"
	case c == '-':
		s.mode, s.powers = jsonMinus, 0
	case c == '0':
		s.mode, s.powers = jsonZero, 0
	case c >= '1' && c <= '9':
		s.mode, s.powers = jsonDigits, 0
	default:
		return false
	}
	return true
}

func (s *jsonState) inObject() bool { return s.kinds>>(s.depth-1)&1 == 1 }

func (s *jsonState) open(object bool) bool {
	if s.depth == jsonDepth {
		return false
	}
	s.kinds &^= 1 << s.depth
	s.mode = jsonItem
	if object {
		s.kinds |= 1 << s.depth
		s.mode = jsonOpened
	}
	s.depth++
	return true
}

func (s *jsonState) close() bool {
	s.depth--
	s.mode = jsonAfter
	if s.depth == 0 {
		s.mode = jsonEnd
	}
	return true
}
