package tokenizer

import (
	"fmt"
	"strings"
)

// scored returns the vocabulary of a tokenizer.json in LLaMA 2's layout, with scores for its merges: those of one piece
// stand together in the list, and the pieces that merge first have the highest scores.
func (f *jsonFile) scored() (written, error) {
	v := written{model: "llama", pre: "default", scores: make([]float32, len(f.Model.names))}
	stages := append(f.Normalizer.flat(), f.PreTokenizer.flat()...)
	for _, s := range stages {
		switch {
		case s.Type == "Prepend" && s.Prepend == space:
			v.prefix = true
		case s.Type == "Replace" && s.Content == space && s.Pattern != nil && s.Pattern.String != nil &&
			*s.Pattern.String == " ":
		case s.Type == "Metaspace" && s.replacement() == space:
			scheme, err := s.scheme()
			if err != nil {
				return v, err
			}
			v.prefix = v.prefix || scheme != "never"
		default:
			return v, fmt.Errorf("%s has no key, want LLaMA's Prepend, Replace and Metaspace alone", s.Type)
		}
	}
	if !f.Model.ByteFallback {
		return v, fmt.Errorf("a vocabulary of characters without byte_fallback has no keys")
	}
	done := make([]bool, len(f.Model.names))
	last, next := int32(-1), float32(0)
	score := func(id int32) {
		done[id], v.scores[id] = true, next
		next--
	}
	for i, m := range f.Model.merges {
		if m.joined != last && done[m.joined] {
			return v, fmt.Errorf("merge %d, %q and %q: those of a piece do not stand together, and scores cannot tell", i,
				f.Model.names[m.left], f.Model.names[m.right])
		}
		if last = m.joined; !done[last] {
			score(last)
		}
	}
	for id, name := range f.Model.names { // characters
		if _, isByte := byteName(name); name != "" && !isByte && !done[id] {
			score(int32(id))
		}
	}
	return v, f.Model.complete()
}

// complete returns an error if two pieces that do not merge join to a piece: scores would merge them.
func (m *jsonModel) complete() error {
	known := make(map[string]bool, len(m.names))
	listed := make(map[[2]string]bool, len(m.merges))
	for _, name := range m.names {
		known[name] = true
	}
	for _, p := range m.merges {
		listed[[2]string{m.names[p.left], m.names[p.right]}] = true
	}
	for _, name := range m.names {
		if _, ok := byteName(name); ok || len(name) > 256 {
			continue
		}
		for i := range name {
			if left, right := name[:i], name[i:]; i > 0 && known[left] && known[right] && !listed[[2]string{left, right}] {
				return fmt.Errorf("the pieces %q and %q do not merge to %q, and scores cannot tell", left, right, name)
			}
		}
	}
	return nil
}

// rankedMerges returns the vocabulary of a tiktoken file with a list of merges: each token's is that of the two tokens
// that merges of lower rank leave of it.
func (t *Tokenizer) rankedMerges() (written, error) {
	v := written{model: "gpt2", pre: "llama-bpe", merges: []string{}}
	b := &bpe{unk: -1, byteLevel: true}
	if err := b.index(t.pieces, byBytes); err != nil {
		return v, err
	}
	alphabet := newByteAlphabet()
	b.ids = newTextIndex(b.ids.texts)
	for id, text := range b.ids.texts {
		if len(text) < 2 {
			continue
		}
		parts := b.merged(nil, text) // by what has been listed so far
		b.ids.add(int32(id))
		if len(parts) != 2 {
			continue // no text merges to it
		}
		pair := []string{alphabet.spell(t.pieces[parts[0]].text), alphabet.spell(t.pieces[parts[1]].text)}
		v.merges = append(v.merges, strings.Join(pair, " "))
	}
	return v, nil
}
