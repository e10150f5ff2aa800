// Package tokenizer turns text into a LLaMA's tokens and back. It reads
// SentencePiece's tokenizer.model (LLaMA 1 and 2), the tiktoken-style
// tokenizer.model of LLaMA 3 and Hugging Face's tokenizer.json, with the side
// files of a Hugging Face directory.
package tokenizer

import "strings"

// Tokenizer is safe for concurrent use.
type Tokenizer struct {
	pieces []piece

	normalize func(text string) string
	// encode appends the tokens of normalized text, never a control token.
	// start: the text begins what the caller encodes.
	encode func(out []int32, text string, start bool) []int32
	// Added tokens are cut out before and after normalizing.
	raw, normalized finder
	added           map[string]int32

	prefixed bool // encoding puts a space in front, so decoding takes one off
	collapse bool // encoding drops extra spaces (SentencePiece's remove_extra_whitespaces)
	bos, eos int32
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

// Encode returns the tokens of plain text. No BOS or EOS is added, and text
// that spells a control token stays text. Bytes that are not UTF-8 count as
// U+FFFD.
func (t *Tokenizer) Encode(text string) []int32 { return t.tokens(text, false) }

// EncodeSpecial is Encode, except that the texts of control tokens become
// those tokens, as Hugging Face's tokenizers do with any text.
func (t *Tokenizer) EncodeSpecial(text string) []int32 { return t.tokens(text, true) }

func (t *Tokenizer) tokens(text string, special bool) []int32 {
	if text == "" {
		return nil
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	out := make([]int32, 0, len(text)/3+2)
	t.raw.cut(text, special, func(text string, at int, id int32) {
		if id >= 0 {
			out = append(out, id)
			return
		}
		start := at == 0
		if t.normalize != nil {
			text = t.normalize(text)
		}
		t.normalized.cut(text, special, func(text string, at int, id int32) {
			if id >= 0 {
				out = append(out, id)
				return
			}
			out = t.encode(out, text, start && at == 0)
		})
	})
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

// Piece is how the vocabulary spells an id: "▁the", "<0x0A>", "</s>"; with
// byte-level vocabularies, GPT-2's "Ġthe".
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
	if id, ok := t.added[name]; ok {
		return id, true
	}
	for id, p := range t.pieces {
		if p.name == name && name != "" {
			return int32(id), true
		}
	}
	return 0, false
}

// Hash is the SHA-256 of the tokenizer file, in hexadecimal.
func (t *Tokenizer) Hash() string { return t.hash }
