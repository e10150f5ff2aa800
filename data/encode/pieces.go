package encode

import (
	"slices"
	"strings"
)

// encoding turns a text into tokens. starts has the byte at which each token begins; ok is
// false if that cannot be told, as a tokenizer may normalize text.
type encoding func(text string) (ids []int32, starts []int, ok bool)

// span is a range of bytes of a text.
type span struct{ from, to int }

// parts encodes a text part by part.
type parts struct {
	e     *Encoder
	start bool   // the text begins here
	names []span // where names of control tokens become them
}

// encode implements encoding.
func (p parts) encode(text string) (ids []int32, starts []int, ok bool) {
	ok = true
	p.e.tok.Parts(text, p.start, p.permit, func(from, to int, part []int32) {
		within, known := []int{0}, true
		if p.e.recipe.Joined && (from > 0 || !p.start) && !p.e.named(text[from:to], part) {
			part, within, known = p.e.continued(text[from:to])
		} else if len(part) != 1 {
			within, known = p.e.starts(text[from:to], part)
		}
		ids, ok = append(ids, part...), ok && known
		for _, at := range within {
			starts = append(starts, from+at)
		}
	})
	return ids, starts, ok
}

// permit reports whether a name may become its control token.
func (p parts) permit(from, to int) bool {
	for _, s := range p.names {
		if s.from <= from && to <= s.to {
			return true
		}
	}
	return false
}

// named reports whether a part is one token with its text as its name, as control tokens
// are.
func (e *Encoder) named(text string, part []int32) bool {
	s, ok := e.tok.(Speller)
	return len(part) == 1 && (part[0] == e.tok.EOS() || ok && s.Piece(part[0]) == text)
}

// continued is the encoding of plain text as the continuation of other text: behind a line
// break, which no token crosses, and whose own tokens are dropped.
func (e *Encoder) continued(text string) (ids []int32, starts []int, ok bool) {
	before, ids := e.tok.Encode("\n"), e.tok.Encode("\n"+text)
	if len(before) > len(ids) || !slices.Equal(before, ids[:len(before)]) {
		ids = e.tok.Encode(text)
	} else {
		ids = ids[len(before):]
	}
	starts, ok = e.starts(text, ids)
	return ids, starts, ok
}

// starts returns the byte of a part of a text at which each token begins. It fails if the
// tokens do not spell the text.
func (e *Encoder) starts(text string, ids []int32) ([]int, bool) {
	s, ok := e.tok.(Speller)
	if !ok {
		return nil, false
	}
	// All pieces are read in one alphabet: Ã is a byte in GPT-2's and a letter in SentencePiece's.
	for _, alphabet := range []func(rune) string{sentencePiece, gpt2} {
		if starts, ok := aligned(s, text, ids, alphabet); ok {
			return starts, true
		}
	}
	return nil, false
}

// aligned is starts with the letters of all pieces read by one alphabet.
func aligned(s Speller, text string, ids []int32, alphabet func(rune) string) ([]int, bool) {
	starts, at, fresh := make([]int, len(ids)), 0, true
	for i, id := range ids {
		starts[i] = at
		piece := s.Piece(id)
		if fresh && spaced(s, text[at:], ids[i:]) {
			piece = strings.TrimPrefix(piece, "▁")
		}
		n, ok := spelled(piece, text[at:], alphabet)
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

// spaced reports whether tokens begin with one space more than the text, as
// SentencePiece puts one in front of a text.
func spaced(s Speller, text string, ids []int32) bool {
	spaces := len(text) - len(strings.TrimLeft(text, " "))
	for _, id := range ids {
		piece := s.Piece(id)
		rest := strings.TrimLeft(piece, "▁")
		spaces -= (len(piece) - len(rest)) / len("▁")
		if rest != "" || piece == "" {
			break
		}
	}
	return spaces < 0
}

// sentencePiece reads a letter of a piece such as "▁the".
func sentencePiece(r rune) string {
	if r == '▁' {
		return " "
	}
	return string(r)
}

// gpt2 reads a letter of a piece such as "Ġthe".
func gpt2(r rune) string {
	if b, ok := byteRune(r); ok {
		return string([]byte{b})
	}
	return string(r)
}

// spelled returns the number of bytes of a piece at the beginning of text.
func spelled(piece, text string, alphabet func(rune) string) (int, bool) {
	if b, ok := bytePiece(piece); ok {
		return 1, text != "" && text[0] == b
	}
	at := 0
	for _, r := range piece {
		m := string(r)
		if r >= 0x80 {
			m = alphabet(r)
		}
		if !strings.HasPrefix(text[at:], m) {
			return 0, false
		}
		at += len(m)
	}
	return at, true
}

// bytePiece returns the byte of a piece such as "<0x0A>".
func bytePiece(piece string) (byte, bool) {
	if len(piece) != 6 || !strings.HasPrefix(piece, "<0x") || piece[5] != '>' {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, piece[3]), strings.IndexByte(hexDigits, piece[4])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

const hexDigits = "0123456789ABCDEF"

// byteRune returns the byte that a letter stands for in GPT-2's alphabet: printable
// bytes stand for themselves, the others are U+0100 and up, in order.
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
