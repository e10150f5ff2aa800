// Package tokenizer turns text into a LLaMA's tokens and back: SentencePiece
// tokenizer.model files, with the side files of a Hugging Face directory.
package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tokenizer is safe for concurrent use.
type Tokenizer struct {
	pieces   []piece
	encode   func(text string) []int32 // plain text, never a control token
	prefixed bool                      // encoding puts a space in front, so decoding takes one off
	collapse bool                      // encoding drops extra spaces (SentencePiece's remove_extra_whitespaces)
	bos, eos int32
	specials map[string]int32 // control and added tokens by their text
	ordered  []string         // the same texts, longest first
	hash     string
}

// piece is what one id stands for.
type piece struct {
	text  string // the bytes it decodes to; "" for control tokens
	name  string // as the vocabulary spells it
	score float32
	kind  kind
}

type kind int

// The kinds of pieces, numbered as in SentencePiece's files.
const (
	normal      kind = 1
	unknown     kind = 2
	control     kind = 3
	userDefined kind = 4
	unused      kind = 5
	byteValue   kind = 6
)

// Load reads the tokenizer of a model directory, or a tokenizer file itself.
func Load(path string) (*Tokenizer, error) {
	dir, file := filepath.Split(path)
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	} else if info.IsDir() {
		if dir, file, err = find(path); err != nil {
			return nil, err
		}
	}
	full := filepath.Join(dir, file)
	text, err := os.ReadFile(full)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	t, err := parse(text)
	if err == nil {
		err = t.addTokens(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", full, err)
	}
	return t, nil
}

// Parse reads the bytes of a tokenizer file.
func Parse(text []byte) (*Tokenizer, error) { return parse(text) }

func parse(text []byte) (*Tokenizer, error) {
	t, err := parseSentencePiece(text)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	t.hash = hex.EncodeToString(sum[:])
	t.specials = map[string]int32{}
	for id, p := range t.pieces {
		if p.kind == control || p.kind == unknown {
			t.addSpecial(p.name, int32(id))
		}
	}
	return t, nil
}

// find looks for a tokenizer file in a directory.
func find(dir string) (string, string, error) {
	for _, name := range []string{"tokenizer.model"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return dir, name, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", "", fmt.Errorf("load tokenizer: %w", err)
		}
	}
	return "", "", fmt.Errorf("load tokenizer: no tokenizer.model in %s", dir)
}

func (t *Tokenizer) addSpecial(text string, id int32) {
	if text == "" {
		return
	}
	if _, ok := t.specials[text]; !ok {
		t.ordered = append(t.ordered, text)
		slices.SortStableFunc(t.ordered, func(a, b string) int { return len(b) - len(a) })
	}
	t.specials[text] = id
}

// Encode returns the tokens of plain text. No BOS or EOS is added, and text
// that spells a control token stays text.
func (t *Tokenizer) Encode(text string) []int32 {
	if text == "" {
		return nil
	}
	return t.encode(text)
}

// EncodeSpecial is Encode, except that the texts of control and added tokens
// become those tokens, as Hugging Face's slow tokenizers do with any text.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	var out []int32
	for text != "" {
		at, special := len(text), ""
		for _, s := range t.ordered {
			if i := strings.Index(text[:min(len(text), at+len(s))], s); i >= 0 && i < at {
				at, special = i, s
			}
		}
		out = append(out, t.Encode(text[:at])...)
		if special != "" {
			out = append(out, t.specials[special])
		}
		text = text[at+len(special):]
	}
	return out
}

// Decode returns the text of tokens. Control tokens have none; bytes that are
// not UTF-8 become U+FFFD each; ids outside the vocabulary too.
func (t *Tokenizer) Decode(ids []int32) string {
	s := t.NewStream()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(s.Push(id))
	}
	b.WriteString(s.Flush())
	return b.String()
}

// BOS is the token that begins a sequence, -1 if there is none.
func (t *Tokenizer) BOS() int32 { return t.bos }

// EOS is the token that ends a sequence, -1 if there is none.
func (t *Tokenizer) EOS() int32 { return t.eos }

// Size is one more than the largest id.
func (t *Tokenizer) Size() int { return len(t.pieces) }

// Piece is how the vocabulary spells an id, e.g. "▁the", "<0x0A>", "</s>".
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id].name
}

// Control reports whether an id is a control token.
func (t *Tokenizer) Control(id int32) bool {
	return id >= 0 && int(id) < len(t.pieces) && t.pieces[id].kind == control
}

// ID finds a token by the vocabulary's spelling.
func (t *Tokenizer) ID(name string) (int32, bool) {
	if id, ok := t.specials[name]; ok {
		return id, true
	}
	for id, p := range t.pieces {
		if p.name == name {
			return int32(id), true
		}
	}
	return 0, false
}

// Hash is the SHA-256 of the tokenizer file, in hexadecimal.
func (t *Tokenizer) Hash() string { return t.hash }
