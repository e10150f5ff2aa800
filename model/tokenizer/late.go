package tokenizer

import (
	"slices"
	"strings"
)

// lateControls returns the permission for control tokens in a normalized text, given that for the text as it was: a
// name in the one is the same in the other, counted from the beginning. Where normalizing adds or removes names, the
// whole text needs the permission.
func (t *Tokenizer) lateControls(text, normalized string, special permit) permit {
	type places struct{ before, after []int }
	found := map[string]places{}
	return func(from, to int) bool {
		name, ok := t.late[normalized[from:to]]
		if !ok {
			return false
		}
		p, ok := found[name]
		if !ok {
			p = places{occurrences(text, name), occurrences(normalized, name)}
			found[name] = p
		}
		offset := strings.Index(normalized[from:to], name)
		k, exact := slices.BinarySearch(p.after, from+offset)
		if offset >= 0 && exact && len(p.before) == len(p.after) {
			return special(p.before[k], p.before[k]+len(name))
		}
		return special(0, len(text))
	}
}

// occurrences returns the offsets of a name in text that do not overlap, from left to right.
func occurrences(text, name string) []int {
	var list []int
	for at := 0; ; at += len(name) {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return list
		}
		at += i
		list = append(list, at)
	}
}
