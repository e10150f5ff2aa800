package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Stream decodes tokens one after another. It holds back the bytes of a
// character that is not complete yet, and takes off the leading space that
// encoding put there.
type Stream struct {
	t       *Tokenizer
	started bool
	pending []byte
}

// NewStream starts decoding a text.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t} }

// Resume starts decoding in the middle of a text: a leading space stays.
func (t *Tokenizer) Resume() *Stream { return &Stream{t: t, started: true} }

// Push returns the text that id completes, perhaps none.
func (s *Stream) Push(id int32) string {
	if id < 0 || int(id) >= len(s.t.pieces) {
		return s.Flush() + "\ufffd"
	}
	text := s.t.pieces[id].text
	if text == "" {
		return ""
	}
	if !s.started {
		if s.t.collapse {
			text = strings.TrimLeft(text, " ")
		} else if s.t.prefixed {
			text = strings.TrimPrefix(text, " ")
		}
		s.started = text != "" || !s.t.collapse
	}
	s.pending = append(s.pending, text...)
	return s.complete(false)
}

// Flush returns what is held back, U+FFFD for every stray byte.
func (s *Stream) Flush() string { return s.complete(true) }

// complete takes the whole characters off pending; with all, everything.
func (s *Stream) complete(all bool) string {
	if utf8.Valid(s.pending) {
		text := string(s.pending)
		s.pending = s.pending[:0]
		return text
	}
	var b strings.Builder
	rest := s.pending
	for len(rest) > 0 && (all || utf8.FullRune(rest)) {
		r, n := utf8.DecodeRune(rest)
		b.WriteRune(r)
		rest = rest[n:]
	}
	s.pending = append(s.pending[:0], rest...)
	return b.String()
}
