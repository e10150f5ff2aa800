package generate

import "strings"

// Stop cuts a growing text at the first stop string. It holds back an end of the text that may be the beginning of a
// stop string, so that the result does not depend on how the text is cut into pieces.
type Stop struct {
	texts []string
	held  string
}

// NewStop returns a Stop for these strings, without the empty ones.
func NewStop(texts []string) *Stop {
	s := &Stop{}
	for _, t := range texts {
		if t != "" {
			s.texts = append(s.texts, t)
		}
	}
	return s
}

// Push adds a piece and returns the text that can be shown now. At the first stop string it returns the text before it,
// and true.
func (s *Stop) Push(piece string) (text string, ended bool) {
	s.held += piece
	first := -1
	for _, t := range s.texts {
		if i := strings.Index(s.held, t); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		text, s.held = s.held[:first], ""
		return text, true
	}
	keep := 0
	for _, t := range s.texts {
		for n := min(len(t)-1, len(s.held)); n > keep; n-- {
			if strings.HasSuffix(s.held, t[:n]) {
				keep = n
			}
		}
	}
	cut := len(s.held) - keep
	text, s.held = s.held[:cut], s.held[cut:]
	return text, false
}

// Flush returns the text held back. Call it where the text ends without a stop string.
func (s *Stop) Flush() string {
	text := s.held
	s.held = ""
	return text
}
