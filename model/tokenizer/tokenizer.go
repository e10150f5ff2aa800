// Package tokenizer encodes text as a LLaMA's tokens and decodes tokens. It reads SentencePiece's tokenizer.model
// (LLaMA 1 and 2), the tiktoken-style tokenizer.model of LLaMA 3 and Hugging Face's tokenizer.json, with the side
// files of a Hugging Face directory; llama2.c's tokenizer.bin; and the tokenizer in a GGUF file, with llama.cpp's ids.
// Tokenizer.GGUF and Tokenizer.Files write it in the two formats of models. Ids of a Hugging Face directory are those
// of transformers 4 (docs/peers/tokenizer_variants.py), whose order of precedence the files have:
//
//   - tokenizer.json before tokenizer.model, except that LLaMA's class reads tokenizer.model to apply
//     add_prefix_space.
//   - The added tokens are those of the tokenizer file and, over these, those of tokenizer_config.json's
//     added_tokens_decoder. Where that is present, added_tokens.json and special_tokens_map.json are not read.
//     Otherwise added_tokens.json adds to them.
//   - BOS, EOS and the other special tokens have the names in tokenizer_config.json, unless special_tokens_map.json
//     is read and names others. A named token that no list has gets a new id. Where neither file names them, BOS and
//     EOS are what the post-processor puts around a text, or the tokens with the usual names.
//   - What is put around a text (Specials) is what the post-processor of tokenizer.json says. LLaMA's, Gemma's,
//     Cohere's and GPT-NeoX's classes, and tokenizer.model, follow add_bos_token and add_eos_token instead.
//   - A leading space comes as tokenizer.json's normalizer and pre_tokenizer say. For tokenizer.model it precedes each
//     text between added tokens, as in SentencePiece. With "legacy": false it precedes the whole text alone, if that
//     begins without a space, and all spaces stay.
//
// The ids in config.json and generation_config.json name no tokens: they are ends of an answer beside EOS, see
// model/chat.
package tokenizer

import (
	"strings"

	"fettle/internal/validtext"
)

// Tokenizer encodes and decodes text. It is safe for concurrent use.
type Tokenizer struct {
	pieces []piece

	normalize func(text string) string // nil: no change
	// encode appends the tokens of normalized text, never a control token. start is true for the beginning of the text
	// that the caller encodes.
	encode          func(out []int32, text string, start bool) []int32
	raw, normalized finder            // find added tokens before and after normalizing
	late            map[string]string // names of the control tokens that are found after, by their normalized text
	added           map[string]int32  // ids of added tokens and control pieces

	byteLevel bool // words are merged as bytes

	prefixed bool // encoding adds a leading space, decoding removes it
	collapse bool // encoding removes extra spaces (SentencePiece's remove_extra_whitespaces)
	bos, eos int32
	unk, pad int32     // as the file names them; -1: it does not
	ends     []int32   // the tokens that end an answer, beside eos, as the file names them
	before   []int32   // put in front of a whole text
	after    []int32   // put behind a whole text
	missing  [256]bool // bytes that become no token
	own      int       // ids below it are, up to gaps, the vocabulary without added tokens
	hash     string

	json   *jsonFile      // what it was made from, or nil
	spm    *sentencePiece // the same
	ranked bool           // it was made from tiktoken's ranks

	placed      []addedToken // of all files
	addsNoSpace bool         // the file says so where nothing else does
}

// piece is an entry of the vocabulary.
type piece struct {
	text  string // decoded bytes; "" for control tokens
	name  string // spelling in the vocabulary
	score float32
	kind  kind
}

type kind int

// The kinds of pieces have the numbers of SentencePiece's files.
const (
	normal      kind = 1
	unknown     kind = 2
	control     kind = 3
	userDefined kind = 4
	unused      kind = 5
	byteValue   kind = 6
)

// Encode returns the tokens of text, without BOS and EOS. It never produces a control token: text that spells one is
// encoded as text. Invalid bytes are encoded as U+FFFD.
func (t *Tokenizer) Encode(text string) []int32 { return t.tokens(text, never) }

// EncodeSpecial encodes text as Encode does, except that text that spells a control token becomes that token, as in
// Hugging Face's tokenizers.
func (t *Tokenizer) EncodeSpecial(text string) []int32 { return t.tokens(text, always) }

func (t *Tokenizer) tokens(text string, special permit) []int32 {
	text = validtext.Of(text)
	out := make([]int32, 0, len(text)/3+2)
	t.parts(text, true, special, func(_, _ int, ids []int32) { out = append(out, ids...) })
	if len(out) == 0 {
		return nil
	}
	return out
}

// Parts encodes text part by part: added tokens, and what stands between them. It calls yield with each part,
// text[from:to], and its tokens, which are valid until yield returns. start is true for the beginning of a text, false
// for text behind a control token. Names of control tokens become them where special permits it; Encode permits none,
// EncodeSpecial all. Text must be valid UTF-8.
func (t *Tokenizer) Parts(
	text string, start bool, special func(from, to int) bool, yield func(from, to int, ids []int32),
) {
	t.parts(text, start, special, yield)
}

func (t *Tokenizer) parts(text string, begins bool, special permit, yield func(from, to int, ids []int32)) {
	var ids []int32
	t.raw.cut(text, special, func(part string, at int, id int32) {
		if ids = ids[:0]; id >= 0 {
			yield(at, at+len(part), append(ids, id))
			return
		}
		start := begins && at == 0
		from, to := at, at+len(part)
		if t.normalize != nil {
			part = t.normalize(part)
		}
		late := t.lateControls(text[from:to], part, func(a, b int) bool { return special(from+a, from+b) })
		t.normalized.cut(part, late, func(part string, at int, id int32) {
			if id >= 0 {
				ids = append(ids, id)
				return
			}
			ids = t.encode(ids, part, start && at == 0)
		})
		yield(from, to, ids)
	})
}

// Lost returns the bytes of text that become no token, as the vocabulary has neither a piece for them nor one for
// unknown text, in order. SmolLM2's vocabulary lacks 21 bytes.
func (t *Tokenizer) Lost(text string) []string {
	var lost []string
	for i := range len(text) {
		if b := text[i]; t.missing[b] {
			lost = append(lost, string([]byte{b}))
		}
	}
	return lost
}

// Decode returns the text of tokens. Control tokens have no text. Each invalid byte and each id outside the vocabulary
// becomes U+FFFD, and in vocabularies of bytes each character that is begun and not completed, as in Hugging Face's
// tokenizers.
func (t *Tokenizer) Decode(ids []int32) string {
	s := t.NewStream()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(s.Push(id))
	}
	b.WriteString(s.Flush())
	return b.String()
}

// BOS returns the id of the token that begins a sequence, or -1.
func (t *Tokenizer) BOS() int32 { return t.bos }

// EOS returns the id of the token that ends a sequence, or -1.
func (t *Tokenizer) EOS() int32 { return t.eos }

// Ends returns the tokens that end an answer, EOS and those that a GGUF file has beside it, such as <|eot_id|>.
func (t *Tokenizer) Ends() []int32 {
	if t.eos < 0 {
		return t.ends
	}
	return append([]int32{t.eos}, t.ends...)
}

// Size returns the largest id plus 1.
func (t *Tokenizer) Size() int { return len(t.pieces) }

// Piece returns the vocabulary's spelling of an id: "▁the", "<0x0A>", "</s>", or "Ġthe" in byte-level vocabularies. It
// returns "" for ids outside the vocabulary.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id].name
}

// Text returns the bytes that an id stands for within a text: " the", "\n", or a part of a character; "" for control
// tokens and for ids outside the vocabulary.
func (t *Tokenizer) Text(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id].text
}

// Control reports whether an id is a control token.
func (t *Tokenizer) Control(id int32) bool {
	return id >= 0 && int(id) < len(t.pieces) && t.pieces[id].kind == control
}

// ID returns the id of a token, given the vocabulary's spelling.
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

// Hash returns the SHA-256 of the tokenizer file in hexadecimal.
func (t *Tokenizer) Hash() string { return t.hash }
