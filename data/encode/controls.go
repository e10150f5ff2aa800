package encode

import (
	"slices"
	"strings"
)

// Controls are the control tokens of a vocabulary.
type Controls struct {
	Names []string // longest first
	IDs   map[string]int32
}

// ControlTokens returns the control tokens of a tokenizer; none of one that is
// no Speller.
func ControlTokens(tok Tokenizer) Controls {
	c := Controls{IDs: map[string]int32{}}
	s, ok := tok.(Speller)
	if !ok {
		return c
	}
	for id := range int32(s.Size()) {
		if name := s.Piece(id); s.Control(id) && name != "" {
			c.IDs[name] = id
			c.Names = append(c.Names, name)
		}
	}
	slices.SortStableFunc(c.Names, func(a, b string) int { return len(b) - len(a) })
	return c
}

// NextControl returns the first of the names in text, the longest where several
// begin there; at is -1 if text has none. The names must be sorted by length,
// longest first.
func NextControl(text string, names []string) (at int, name string) {
	at = -1
	for _, n := range names {
		limit := len(text)
		if at >= 0 {
			limit = min(limit, at+len(n)-1)
		}
		if i := strings.Index(text[:limit], n); i >= 0 {
			at, name = i, n
		}
	}
	return at, name
}
