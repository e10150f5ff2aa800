package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// llama2cUnknown is the first token of every tokenizer.bin.
const llama2cUnknown = "<unk>"

// isLlama2C reports whether a file begins as llama2.c's tokenizer.bin does.
func isLlama2C(text []byte) bool {
	const first = 4 + 4 + 4 // the longest length, the first score and length
	return len(text) >= first+len(llama2cUnknown) && string(text[first:][:len(llama2cUnknown)]) == llama2cUnknown &&
		binary.LittleEndian.Uint32(text[first-4:]) == uint32(len(llama2cUnknown))
}

// parseLlama2C reads llama2.c's tokenizer.bin, a SentencePiece vocabulary without types, little-endian:
//
//	the length of the longest token, int32
//	each token: score, float32; length in bytes, int32; text, with spaces for ▁
//
// Tokens 1 and 2 are BOS and EOS, between line breaks. Tokens 3 to 258 are the bytes, as "<0x0A>", or in files of early
// 2023 as the bytes themselves.
func parseLlama2C(text []byte, beside side) (*Tokenizer, error) {
	const notOne = "not a tokenizer.bin of llama2.c"
	m := sentencePiece{unk: 0, bos: 1, eos: 2, addDummyPrefix: true}
	var names []string
	for rest := text[4:]; len(rest) > 0; {
		if len(rest) < 8 {
			return nil, fmt.Errorf("%s: it ends in token %d: it is truncated: download it again", notOne, len(names))
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32(rest))
		n := binary.LittleEndian.Uint32(rest[4:])
		if rest = rest[8:]; uint64(n) > uint64(len(rest)) {
			return nil, fmt.Errorf("%s: token %d has %d bytes, %d are left: it is truncated: download it again", notOne,
				len(names), n, len(rest))
		}
		if score != score {
			return nil, fmt.Errorf("%s: the score of token %d is not a number", notOne, len(names))
		}
		names = append(names, string(rest[:n]))
		m.pieces = append(m.pieces, piece{score: score})
		rest = rest[n:]
	}
	if len(names) < 3+256 {
		return nil, fmt.Errorf("%s: it has %d tokens, want at least 3 and the 256 bytes", notOne, len(names))
	}
	for id, name := range names {
		p := &m.pieces[id]
		p.name, p.kind = strings.ReplaceAll(name, " ", space), normal
		p.text = strings.ReplaceAll(p.name, space, " ")
		switch value := byte(id - 3); {
		case id == 0:
			p.kind, p.text = unknown, " ⁇ "
		case id < 3:
			p.kind, p.text, p.name = control, "", strings.Trim(name, "\n")
		case id < 3+256:
			spelled, ok := byteName(name)
			if !(ok && spelled == value) && name != string([]byte{value}) {
				return nil, fmt.Errorf("%s: token %d is %q, want the byte %#02x", notOne, id, name, value)
			}
			p.kind, p.text, p.name = byteValue, string([]byte{value}), byteSpelling(value)
		case name == "":
			return nil, errors.New(notOne + ": an empty token")
		}
	}
	t, err := m.tokenizer(nil, beside)
	if err != nil {
		return nil, err
	}
	t.choose(beside, false, false, false)
	return t, nil
}
