package data

import (
	"sort"
	"strings"
)

// speller is what a tokenizer has, beyond Tokenizer, that can tell how its
// vocabulary spells a token. model/tokenizer's type has it.
type speller interface {
	Piece(id int32) string
	Control(id int32) bool
	Size() int
}

// starts tells at which byte of text each token begins. It checks the tokens
// against the text, and fails where they do not spell it: a tokenizer may
// change what it reads.
func (e *encoder) starts(text string, ids []int32) ([]int, bool) {
	s, ok := e.tok.(speller)
	if !ok {
		return nil, false
	}
	// One alphabet for all of them: GPT-2's Ã is a byte, SentencePiece's a letter.
	for _, means := range []func(rune) string{sentencePiece, gpt2} {
		if starts, ok := laidOut(s, text, ids, means); ok {
			return starts, true
		}
	}
	return nil, false
}

// laidOut is starts with the letters of the pieces read in one way.
func laidOut(s speller, text string, ids []int32, means func(rune) string) ([]int, bool) {
	starts, at, fresh := make([]int, len(ids)), 0, true
	for i, id := range ids {
		starts[i] = at
		piece := s.Piece(id)
		n, ok := spelled(piece, text[at:], means)
		if !ok && fresh { // the space that SentencePiece puts in front of a text
			n, ok = spelled(strings.TrimPrefix(piece, "▁"), text[at:], means)
		}
		fresh = false
		if !ok {
			if !strings.HasPrefix(text[at:], piece) || piece == "" {
				return nil, false
			}
			n, fresh = len(piece), true // a control token, by its name
		}
		at += n
	}
	return starts, at == len(text)
}

// sentencePiece and gpt2 are what a letter of a piece means: "▁the", "Ġthe".
func sentencePiece(r rune) string {
	if r == '▁' {
		return " "
	}
	return string(r)
}

func gpt2(r rune) string {
	if b, ok := byteRune(r); ok {
		return string([]byte{b})
	}
	return string(r)
}

// spelled is how many bytes a piece takes from the beginning of text.
func spelled(piece, text string, means func(rune) string) (int, bool) {
	if b, ok := bytePiece(piece); ok {
		return 1, text != "" && text[0] == b
	}
	at := 0
	for _, r := range piece {
		m := string(r)
		if r >= 0x80 {
			m = means(r)
		}
		if !strings.HasPrefix(text[at:], m) {
			return 0, false
		}
		at += len(m)
	}
	return at, true
}

// bytePiece reads "<0x0A>".
func bytePiece(piece string) (byte, bool) {
	if len(piece) != 6 || !strings.HasPrefix(piece, "<0x") || piece[5] != '>' {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, piece[3]), strings.IndexByte(hexDigits, piece[4])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

const hexDigits = "0123456789ABCDEF"

// byteRune undoes GPT-2's way to print bytes: those that are printable stand
// for themselves, the others for U+0100 and up, in order.
func byteRune(r rune) (byte, bool) {
	switch {
	case r >= '!' && r <= '~', r >= '¡' && r <= '¬', r >= '®' && r <= 'ÿ':
		return byte(r), true
	case r < 0x100 || r > 0x143:
		return 0, false
	case r <= 0x120:
		return byte(r - 0x100), true
	case r <= 0x142:
		return byte(r - 0x121 + 0x7f), true
	}
	return 0xad, true
}

// controls are the names of the control tokens, longest first.
func (e *encoder) controls() []string {
	e.once.Do(func() {
		e.named = map[string]int32{}
		s, ok := e.tok.(speller)
		if !ok {
			return
		}
		for id := range int32(s.Size()) {
			if name := s.Piece(id); s.Control(id) && name != "" {
				e.named[name] = id
				e.names = append(e.names, name)
			}
		}
		sort.SliceStable(e.names, func(i, j int) bool { return len(e.names[i]) > len(e.names[j]) })
	})
	return e.names
}

// nextControl finds the first control token's name in text; at is -1 if there
// is none.
func nextControl(text string, names []string) (at int, name string) {
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

// markup appends segments of which some name control tokens. Those break the
// text: what is between two of them is one text for the tokenizer.
func (e *encoder) markup(l *layout, segments []Segment) {
	var parts []Segment
	flush := func() {
		text := ""
		for _, s := range parts {
			text += s.Text
		}
		if text != "" {
			e.label(l, parts, text, e.tok.Encode)
		}
		parts = nil
	}
	for _, s := range segments {
		for s.Markup {
			at, name := nextControl(s.Text, e.controls())
			if at < 0 {
				break
			}
			parts = append(parts, Segment{Text: s.Text[:at], Learn: s.Learn})
			flush()
			l.add(s.Learn, e.named[name])
			s.Text = s.Text[at+len(name):]
		}
		parts = append(parts, Segment{Text: s.Text, Learn: s.Learn})
	}
	flush()
}
