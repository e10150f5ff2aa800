package tokenizer

import (
	"fmt"
	"strings"
)

// vocabulary holds the names of pieces by id, "" for ids without a piece.
type vocabulary struct{ textIndex }

// newVocabulary returns the vocabulary of a list of names. It errs if one stands there twice.
func newVocabulary(names []string) (v vocabulary, err error) {
	v.textIndex = newTextIndex(names)
	for id, name := range names {
		if name != "" && !v.add(int32(id)) {
			return v, fmt.Errorf("the piece %q occurs twice, the second time as token %d", name, id)
		}
	}
	return v, nil
}

// merge joins two neighbouring pieces to one, all by their ids.
type merge struct{ left, right, joined int32 }

// merges returns n merges, given the names that pair returns for each.
func (v *vocabulary) merges(n int, pair func(i int) (left, right string, err error)) ([]merge, error) {
	list := make([]merge, n)
	var text []byte
	for i := range list {
		left, right, err := pair(i)
		if err != nil {
			return nil, fmt.Errorf("merge %d: %w", i, err)
		}
		text = append(append(text[:0], left...), right...)
		m := &list[i]
		var okLeft, okRight, ok bool
		m.left, okLeft = v.find(left)
		m.right, okRight = v.find(right)
		// Merges are in the order of the pieces that they make, mostly.
		if i > 0 {
			for next := list[i-1].joined; !ok && next < min(list[i-1].joined+2, int32(len(v.texts))); next++ {
				m.joined, ok = next, v.texts[next] == string(text)
			}
		}
		if !ok {
			m.joined, ok = v.find(string(text))
		}
		if !ok || !okLeft || !okRight {
			return nil, fmt.Errorf("merge %d, %q and %q: the vocabulary lacks one of them or their joined piece",
				i, left, right)
		}
	}
	return list, nil
}

// spaced gives the merges of a list of lines "left right".
func spaced(lines []string) func(i int) (left, right string, err error) {
	return func(i int) (left, right string, err error) {
		left, right, ok := strings.Cut(lines[i], " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			err = fmt.Errorf("%q, want two pieces", lines[i])
		}
		return left, right, err
	}
}
