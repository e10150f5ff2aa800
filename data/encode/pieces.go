package encode

import "strings"

// starts tells at which byte of text each token begins. It checks the tokens
// against the text, and fails where they do not spell it: a tokenizer may
// change what it reads.
func (e *Encoder) starts(text string, ids []int32) ([]int, bool) {
	s, ok := e.tok.(Speller)
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
func laidOut(s Speller, text string, ids []int32, means func(rune) string) ([]int, bool) {
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
