package tokenizer

import (
	"strings"
	"unicode/utf8"

	"fettle/internal/validtext"
)

// Stream decodes tokens one after another. It holds back the bytes of an incomplete character and removes the leading
// space that encoding adds.
type Stream struct {
	t       *Tokenizer
	started bool
	pending []byte
}

// NewStream returns a Stream at the start of a text.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t} }

// Resume returns a Stream in the middle of a text, where a leading space stays.
func (t *Tokenizer) Resume() *Stream { return &Stream{t: t, started: true} }

// Push adds a token and returns the text that is complete now.
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

// Flush returns the bytes held back as text, as Decode does.
func (s *Stream) Flush() string { return s.complete(true) }

// complete removes the complete characters from pending, or with all everything, and returns them.
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
		if r == utf8.RuneError && n == 1 && s.t.byteLevel {
			n = validtext.Begun(string(rest[:min(len(rest), utf8.UTFMax)]))
		}
		b.WriteRune(r)
		rest = rest[n:]
	}
	s.pending = append(s.pending[:0], rest...)
	return b.String()
}
