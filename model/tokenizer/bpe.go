package tokenizer

import (
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// bpe encodes words by byte-pair encoding: a word starts as its characters, or as its bytes, and neighbours merge.
// Sennrich et al. 2016, arXiv:1508.07909.
type bpe struct {
	pieces []piece
	ids    textIndex      // pieces by their spelling in a word
	rules  *ruleIndex     // merges; nil: two pieces merge if their joined text is a piece
	alone  []atomic.Int32 // by id: whether the merges of the piece's text end in the piece, once that is known
	bytes  [256]int32     // the pieces of single bytes; -1: none
	unk    int32          // for characters without piece or bytes; -1: none

	definedMerge bool // user-defined pieces are results of merges too

	fuse      bool // neighbouring unknown characters become one unknown piece
	byteLevel bool // words start as bytes
	whole     bool // a word that is a piece becomes that piece, without merges
	spaced    bool // no piece has a space after another character: words merge alone
}

// index fills ids and bytes. spell returns a piece's spelling in a word, or false for a piece that no word contains.
func (b *bpe) index(pieces []piece, spell func(piece) (string, bool)) error {
	b.pieces, b.ids = pieces, newTextIndex(make([]string, len(pieces)))
	b.spaced = true
	for i := range b.bytes {
		b.bytes[i] = -1
	}
	for id, p := range pieces {
		if p.kind == byteValue {
			b.bytes[p.text[0]] = int32(id)
		}
		name, ok := spell(p)
		if merges := p.kind == normal || p.kind == userDefined && b.definedMerge; !merges || !ok {
			continue
		}
		b.ids.texts[id] = name
		if !b.ids.add(int32(id)) {
			return fmt.Errorf("the piece %q occurs twice", name)
		}
		if strings.Contains(strings.TrimLeft(name, space), space) {
			b.spaced = false
		}
		if b.byteLevel && len(name) == 1 {
			b.bytes[name[0]] = int32(id)
		}
	}
	return nil
}

// byName and byBytes spell a piece by its name in the vocabulary and by its bytes.
func byName(p piece) (string, bool)  { return p.name, true }
func byBytes(p piece) (string, bool) { return p.text, true }

// settle prepares alone, which encoding fills: a word that is such a piece needs no merges.
func (b *bpe) settle() {
	if !b.whole {
		b.alone = make([]atomic.Int32, len(b.pieces))
	}
}

// The states of a piece in bpe.alone.
const (
	untried = iota
	stays   // its text's merges end in the piece
	parts   // they do not
)

// complete returns an error unless every byte has a piece.
func (b *bpe) complete() error {
	for value, id := range b.bytes {
		if id < 0 {
			return fmt.Errorf("the vocabulary has no piece for the byte %#02x: text would get lost", value)
		}
	}
	return nil
}

// encode appends the pieces of text. Where no piece has a space after another character, each word is merged alone,
// with the spaces before it.
func (b *bpe) encode(out []int32, text string) []int32 {
	if b.byteLevel || !b.spaced {
		return b.word(out, text)
	}
	for text != "" {
		end := len(text)
		lead := len(text) - len(strings.TrimLeft(text, space))
		if i := strings.Index(text[lead:], space); i >= 0 {
			end = lead + i
		}
		out = b.word(out, text[:end])
		text = text[end:]
	}
	return out
}

// word appends the pieces of one word.
func (b *bpe) word(out []int32, text string) []int32 {
	id, known := b.ids.find(text)
	if known && (b.whole || b.alone != nil && b.alone[id].Load() == stays) {
		return append(out, id)
	}
	n := len(out)
	out = b.merged(out, text)
	if known && b.alone != nil {
		state := int32(parts)
		if len(out) == n+1 && out[n] == id {
			state = stays
		}
		b.alone[id].Store(state)
	}
	return out
}

// merged appends the pieces that the merges of one word end in.
func (b *bpe) merged(out []int32, text string) []int32 {
	var few [smallWord]symbol
	symbols := b.symbols(few[:0], text)
	if len(symbols) > 0 {
		b.merge(symbols, text)
	}
	for i := int32(0); i >= 0 && len(symbols) > 0; i = symbols[i].next {
		s := symbols[i]
		if s.id >= 0 {
			out = append(out, s.id)
		} else {
			out = b.spellOut(out, text[s.at:s.at+s.len])
		}
	}
	return out
}

// symbols appends the characters or bytes of text as a linked list.
func (b *bpe) symbols(to []symbol, text string) []symbol {
	for at := 0; at < len(text); {
		n, id := 1, int32(-1)
		if b.byteLevel {
			id = b.bytes[text[at]]
		} else {
			_, n = utf8.DecodeRuneInString(text[at:])
			if known, ok := b.ids.find(text[at : at+n]); ok {
				id = known
			}
		}
		if id < 0 && b.lost(text[at:at+n]) {
			at += n // its neighbours meet
			continue
		}
		i := int32(len(to))
		to = append(to, symbol{at: int32(at), len: int32(n), prev: i - 1, next: i + 1, id: id})
		at += n
	}
	if len(to) > 0 {
		to[len(to)-1].next = -1
	}
	return to
}

// lost reports whether a character without a piece becomes no token at all.
func (b *bpe) lost(char string) bool {
	if b.unk >= 0 {
		return false
	}
	for i := range len(char) {
		if b.bytes[char[i]] < 0 {
			return true
		}
	}
	return false
}

// spellOut appends the pieces of a character's bytes, or the unknown piece.
func (b *bpe) spellOut(out []int32, char string) []int32 {
	for i := range len(char) {
		if b.bytes[char[i]] < 0 {
			if n := len(out); b.unk < 0 || b.fuse && n > 0 && out[n-1] == b.unk {
				return out
			}
			return append(out, b.unk)
		}
	}
	for i := range len(char) {
		out = append(out, b.bytes[char[i]])
	}
	return out
}

// rule holds the piece that two pieces merge to and a score, minus the index in the list of merges.
type rule struct {
	id    int32
	score float32
}

// pair returns the piece that two neighbours merge to. tokenizer.json lists the merges; in SentencePiece and tiktoken
// two pieces merge if their joined text is a piece.
func (b *bpe) pair(text string, left, right int32) (id int32, score float32, ok bool) {
	if b.rules != nil {
		if left < 0 || right < 0 {
			return 0, 0, false
		}
		r, ok := b.rules.find(left, right)
		return r.id, r.score, ok
	}
	if id, ok = b.ids.find(text); ok {
		score = b.pieces[id].score
	}
	return id, score, ok
}
