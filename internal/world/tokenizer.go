package world

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// pair is a pair of neighbouring pieces.
type pair struct{ left, right string }

// word holds the pieces that a word has been merged to, and its number of occurrences.
type word struct {
	pieces []string
	count  int
}

// Tokenizer trains a SentencePiece BPE model of at most size pieces on texts and returns its tokenizer.model, with
// LLaMA's control tokens and byte pieces and a space before each word. The commonest pair merges first; among equals
// the one that sorts first. Sennrich et al. 2016, arXiv:1508.07909.
func Tokenizer(texts []string, size int) []byte {
	counts := map[string]int{}
	for _, t := range texts {
		for _, w := range strings.Fields(t) {
			counts["▁"+w]++
		}
	}
	var words []word
	letters := map[string]bool{"▁": true}
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		var pieces []string
		for _, r := range w {
			pieces = append(pieces, string(r))
			letters[string(r)] = true
		}
		words = append(words, word{pieces, counts[w]})
	}
	m := &modelFile{}
	m.add("<unk>", 2)
	m.add("<s>", 3)
	m.add("</s>", 3)
	for b := range 256 {
		m.add(fmt.Sprintf("<0x%02X>", b), 6)
	}
	for m.pieces+len(letters) < size {
		p, ok := commonest(words)
		if !ok {
			break
		}
		m.add(p.left+p.right, 1)
		for i := range words {
			words[i].merge(p)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(letters)) {
		m.add(l, 1)
	}
	return m.close()
}

// commonest returns the commonest pair without punctuation, or false if there is none.
func commonest(words []word) (pair, bool) {
	counts := map[pair]int{}
	for _, w := range words {
		for i := 1; i < len(w.pieces); i++ {
			if strings.ContainsAny(w.pieces[i], ".,?!#:") || strings.ContainsAny(w.pieces[i-1], ".,?!#:") {
				continue
			}
			counts[pair{w.pieces[i-1], w.pieces[i]}] += w.count
		}
	}
	best, most := pair{}, 0
	for p, n := range counts {
		if n > most || n == most && (p.left < best.left || p.left == best.left && p.right < best.right) {
			best, most = p, n
		}
	}
	return best, most > 0
}

// merge joins each occurrence of the pair.
func (w *word) merge(p pair) {
	out := w.pieces[:0]
	for i := 0; i < len(w.pieces); i++ {
		if i+1 < len(w.pieces) && w.pieces[i] == p.left && w.pieces[i+1] == p.right {
			out = append(out, p.left+p.right)
			i++
			continue
		}
		out = append(out, w.pieces[i])
	}
	w.pieces = out
}

// modelFile builds a SentencePiece ModelProto.
type modelFile struct {
	data   []byte
	pieces int
}

// add appends a piece of a type: 1 normal, 2 unknown, 3 control, 6 byte. Earlier pieces get higher scores.
func (m *modelFile) add(name string, kind uint64) {
	var p []byte
	p = protowire.AppendString(protowire.AppendTag(p, 1, protowire.BytesType), name)
	p = protowire.AppendFixed32(protowire.AppendTag(p, 2, protowire.Fixed32Type), math.Float32bits(-float32(m.pieces)))
	p = protowire.AppendVarint(protowire.AppendTag(p, 3, protowire.VarintType), kind)
	m.data = protowire.AppendBytes(protowire.AppendTag(m.data, 1, protowire.BytesType), p)
	m.pieces++
}

// close appends the trainer's and the normalizer's settings and returns the file: BPE with byte fallback, no
// normalization, a leading space.
func (m *modelFile) close() []byte {
	varint := func(b []byte, number protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
	}
	trainer := varint(varint(nil, 3, 2), 35, 1)
	trainer = varint(varint(varint(trainer, 40, 0), 41, 1), 42, 2)
	normalizer := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "identity")
	normalizer = varint(varint(varint(normalizer, 3, 1), 4, 0), 5, 1)
	m.data = protowire.AppendBytes(protowire.AppendTag(m.data, 2, protowire.BytesType), trainer)
	return protowire.AppendBytes(protowire.AppendTag(m.data, 3, protowire.BytesType), normalizer)
}
