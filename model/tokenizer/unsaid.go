package tokenizer

import (
	"fmt"
	"strings"
)

// Unsaid lists what the tokenizer does and the keys of GGUF do not say: programs that read the keys have other tokens
// for the texts that it concerns. ends are the tokens that end an answer.
func (t *Tokenizer) Unsaid(ends ...int32) (list []string) {
	say := func(what string, names []string) {
		switch n := len(names); {
		case n > 3:
			list = append(list, fmt.Sprintf("%s %q and %d others", what, names[0], n-1))
		case n > 0:
			list = append(list, fmt.Sprintf("%s %q", what, names))
		}
	}
	named := func(what string, has func(a addedToken) bool) {
		var names []string
		for _, a := range t.placed {
			if has(a) {
				names = append(names, a.Content)
			}
		}
		say(what, names)
	}
	named("white space next to a token is part of it (lstrip, rstrip):", func(a addedToken) bool {
		return a.LStrip || a.RStrip
	})
	named("a token is found only beside no letter or digit (single_word):", func(a addedToken) bool {
		return a.SingleWord
	})
	first := t.spm != nil && t.spm.firstAlone
	if t.json != nil {
		for _, s := range append(t.json.Normalizer.flat(), t.json.PreTokenizer.flat()...) {
			scheme, _ := s.scheme()
			first = first || s.Type == "Metaspace" && scheme == "first"
			if strings.HasPrefix(s.Type, "NF") {
				list = append(list, fmt.Sprintf("text is normalized (%s)", s.Type))
			}
		}
	}
	if t.spm != nil && !t.spm.definedMerge {
		var names []string
		for _, p := range t.pieces {
			if _, placed := t.added[p.name]; p.kind == userDefined && !placed {
				names = append(names, p.name)
			}
		}
		say("a user-defined piece is taken out of a text before others merge:", names)
	}
	if first {
		list = append(list, "a leading space is added at the beginning of a text alone, not behind added tokens")
	}
	if t.collapse {
		list = append(list, "repeated spaces and those at a text's ends are removed (remove_extra_whitespaces)")
	}
	if more := t.unnamedEnds(ends); len(more) > len(endKeys) {
		for _, id := range more[len(endKeys):] {
			list = append(list, fmt.Sprintf("%q ends an answer", t.Piece(id)))
		}
	}
	return list
}
