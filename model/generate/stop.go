package generate

import "strings"

// Stop watches a growing text for strings that end it. It holds back what may
// be the beginning of one, however the text is cut into pieces.
type Stop struct {
	texts []string
	held  string
}

// NewStop watches for texts; empty ones are left out.
func NewStop(texts []string) *Stop {
	s := &Stop{}
	for _, t := range texts {
		if t != "" {
			s.texts = append(s.texts, t)
		}
	}
	return s
}

// Push adds a piece and returns what can be shown now. At the first stop string
// it returns what stands before it, and true: the text has ended.
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

// Flush returns what is held back, when the text ended in another way.
func (s *Stop) Flush() string {
	text := s.held
	s.held = ""
	return text
}
