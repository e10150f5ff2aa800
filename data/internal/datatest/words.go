package datatest

import (
	"regexp"
	"strings"

	"fettle/data/encode"
)

// Words is a tokenizer whose tokens cross the edges of texts: a word with the space before
// it, a colon or full stop with the line break behind it, or a single character. BOS is 0,
// EOS 1; other tokens are numbered as they come. It is not safe for concurrent use.
type Words struct {
	ids    map[string]int32
	pieces []string
}

// NewWords returns an empty vocabulary.
func NewWords() *Words {
	w := &Words{ids: map[string]int32{}}
	w.id("<s>")
	w.id("</s>")
	return w
}

var wordPattern = regexp.MustCompile(`(?s) ?[A-Za-z]+|[:.]\n|.`)

func (w *Words) id(piece string) int32 {
	id, ok := w.ids[piece]
	if !ok {
		id = int32(len(w.pieces))
		w.ids[piece], w.pieces = id, append(w.pieces, piece)
	}
	return id
}

func (w *Words) Encode(text string) (ids []int32) {
	for _, piece := range wordPattern.FindAllString(text, -1) {
		ids = append(ids, w.id(strings.ReplaceAll(piece, " ", "▁")))
	}
	return ids
}

// Parts makes control tokens of their names where special permits it.
func (w *Words) Parts(text string, _ bool, special func(from, to int) bool, yield func(from, to int, ids []int32)) {
	at := 0
	for _, m := range controlPattern.FindAllStringIndex(text, -1) {
		if !special(m[0], m[1]) {
			continue
		}
		if m[0] > at {
			yield(at, m[0], w.Encode(text[at:m[0]]))
		}
		yield(m[0], m[1], []int32{w.ids[text[m[0]:m[1]]]})
		at = m[1]
	}
	if at < len(text) {
		yield(at, len(text), w.Encode(text[at:]))
	}
}

var controlPattern = regexp.MustCompile(`</?s>`)

func (w *Words) Specials() (before, after []int32) { return nil, nil }

func (w *Words) EncodeSpecial(text string) []int32 { return w.Encode(text) }

func (w *Words) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(strings.ReplaceAll(w.pieces[id], "▁", " "))
	}
	return b.String()
}

func (w *Words) BOS() int32            { return 0 }
func (w *Words) EOS() int32            { return 1 }
func (w *Words) Piece(id int32) string { return w.pieces[id] }
func (w *Words) Control(id int32) bool { return id < 2 }
func (w *Words) Size() int             { return len(w.pieces) }

// Shown returns an example's text, the learned spans between ⟦ and ⟧.
func (w *Words) Shown(e encode.Example) string {
	var b strings.Builder
	on := false
	for i, id := range e.Tokens {
		if learn := e.Labels[i] != encode.Ignore; learn != on {
			b.WriteString(map[bool]string{true: "⟦", false: "⟧"}[learn])
			on = learn
		}
		b.WriteString(w.Decode([]int32{id}))
	}
	if on {
		b.WriteString("⟧")
	}
	return b.String()
}
