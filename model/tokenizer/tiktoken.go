package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// llama3Words splits text into words before merging, as LLaMA 3 does (Meta's published code; the same as in Hugging
// Face's tokenizer.json).
const llama3Words = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` +
	`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// isTiktoken reports whether the first line is base64, a space and a number.
func isTiktoken(text []byte) bool {
	line, _, _ := bytes.Cut(text[:min(len(text), 1024)], []byte("\n"))
	_, _, err := tiktokenLine(string(line))
	return err == nil
}

// tiktokenLine parses a line such as "IQ== 0".
func tiktokenLine(line string) (token string, rank int32, err error) {
	code, number, ok := strings.Cut(strings.TrimRight(line, "\r"), " ")
	if !ok || code == "" {
		return "", 0, fmt.Errorf("%q, want base64 and a rank", line)
	}
	raw, err := base64.StdEncoding.DecodeString(code)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseInt(number, 10, 32)
	return string(raw), int32(n), err
}

// parseTiktoken reads LLaMA 3's tokenizer.model: one line for each piece, with its bytes in base64 and its rank, which
// is its id. The pair of neighbours that makes the piece of the lowest rank merges first.
func parseTiktoken(text []byte, beside side) (*Tokenizer, error) {
	t := &Tokenizer{bos: -1, eos: -1, unk: -1, pad: -1, byteLevel: true, ranked: true}
	limit := bytes.Count(text, []byte("\n")) + maxAdded
	alphabet := newByteAlphabet()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if lines.Text() == "" {
			continue
		}
		token, rank, err := tiktokenLine(lines.Text())
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case token == "":
			return nil, fmt.Errorf("line %d: an empty token", n)
		case rank < 0 || int(rank) > limit:
			return nil, fmt.Errorf("line %d: rank %d in a file of %d lines", n, rank, limit-maxAdded)
		}
		for int(rank) >= len(t.pieces) {
			t.pieces = append(t.pieces, piece{kind: control})
		}
		if t.pieces[rank].name != "" {
			return nil, fmt.Errorf("line %d: rank %d occurs twice", n, rank)
		}
		t.pieces[rank] = piece{text: token, name: alphabet.spell(token), score: -float32(rank), kind: normal}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	placed, err := t.place(llama3Controls(len(t.pieces)), beside)
	if err != nil {
		return nil, err
	}
	b := &bpe{unk: -1, byteLevel: true, whole: true}
	if err := b.index(t.pieces, byBytes); err != nil {
		return nil, err
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	words, err := newPattern(llama3Words)
	if err != nil {
		return nil, err
	}
	t.encode = func(out []int32, text string, _ bool) []int32 {
		words.split(text, func(word string, _ bool) { out = b.word(out, word) })
		return out
	}
	t.seek(placed)
	t.bos, t.eos = t.added["<|begin_of_text|>"], t.added["<|end_of_text|>"]
	t.choose(beside, false, false, true)
	return t, nil
}

// llama3Controls returns the 256 control tokens of LLaMA 3, which follow a vocabulary of n pieces. Later models of the
// family name some of the reserved ones in tokenizer_config.json.
func llama3Controls(n int) []addedToken {
	names := []string{
		"<|begin_of_text|>", "<|end_of_text|>", "", "", "", "",
		"<|start_header_id|>", "<|end_header_id|>", "", "<|eot_id|>",
	}
	var tokens []addedToken
	reserved := 0
	for i := range 256 {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if name == "" {
			name = fmt.Sprintf("<|reserved_special_token_%d|>", reserved)
			reserved++
		}
		tokens = append(tokens, addedToken{ID: int32(n + i), Content: name, Special: true})
	}
	return tokens
}
