package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// all reports whether t is not empty and a predicate holds for each character.
func (t Text) all(is func(rune) bool) bool {
	for _, r := range t.s {
		if !is(r) {
			return false
		}
	}
	return t.s != ""
}

// titled capitalizes words. in reports whether a character is part of a word.
func (t Text) titled(in func(rune) bool) Text {
	inside := false
	return t.change(func(r rune) string {
		before := inside
		if inside = in(r); before {
			return lower(r)
		}
		return upper(r)
	})
}

// capitalized returns the text with its first character in upper case and the others in lower case.
func (t Text) capitalized() Text {
	first := true
	return t.change(func(r rune) string {
		if first {
			first = false
			return upper(r)
		}
		return lower(r)
	})
}

// fields returns the words between white space; after n splits the rest is one piece.
func (t Text) fields(n int) []Text {
	var out []Text
	for {
		t = t.trim(isSpace, true, false)
		if t.s == "" {
			return out
		}
		i := strings.IndexFunc(t.s, isSpace)
		if i < 0 {
			return append(out, t)
		}
		if n == 0 {
			return append(out, t.trim(isSpace, false, true))
		}
		out = append(out, t.slice(0, i))
		t = t.slice(i, len(t.s))
		n--
	}
}

// split evaluates Python's str.split with a separator, or with last str.rsplit.
func (e *eval) split(t Text, sep string, n int, last bool) any {
	if sep == "" {
		e.fail("split by nothing")
	}
	parts := t.split(sep, -1)
	e.spend(len(parts))
	over := len(parts) - 1 - n
	if n < 0 || over <= 0 {
		return list0(parts)
	}
	if last {
		head := join(parts[:over+1], Text{s: sep})
		return list0(append([]Text{t.slice(0, len(head.s))}, parts[over+1:]...))
	}
	return list0(t.split(sep, n))
}

// search evaluates find, rfind, index and count, in characters.
func (e *eval) search(t Text, name, part string) any {
	i := strings.Index(t.s, part)
	switch {
	case name == "count":
		return int64(strings.Count(t.s, part))
	case name == "rfind":
		i = strings.LastIndex(t.s, part)
	case name == "index" && i < 0:
		e.fail("the text has no %q", part)
	}
	if i < 0 {
		return int64(-1)
	}
	return int64(utf8.RuneCountInString(t.s[:i]))
}

// joined joins texts and counts the work.
func (e *eval) joined(texts []Text, sep Text) Text {
	n := 0
	for _, t := range texts {
		n += 1 + len(t.s) + len(sep.s)
	}
	e.spend(len(texts) + n/16)
	if n > maxText+len(sep.s)+len(texts) {
		panic(tooLong)
	}
	return join(texts, sep)
}

// format evaluates Python's str.format with {}, {0} and {name}.
func (e *eval) format(t Text, a args) any {
	var b builder
	next := 0
	for at := 0; at < len(t.s); {
		i := strings.IndexAny(t.s[at:], "{}")
		if i < 0 {
			b.text(t.slice(at, len(t.s)))
			break
		}
		b.text(t.slice(at, at+i))
		at += i
		if at+1 < len(t.s) && t.s[at+1] == t.s[at] {
			b.text(t.slice(at, at+1))
			at += 2
			continue
		}
		n := strings.IndexByte(t.s[at:], '}')
		if t.s[at] == '}' || n < 0 {
			e.fail("a single brace in a format")
		}
		field := t.s[at+1 : at+n]
		at += n + 1
		if field == "" {
			field = strconv.Itoa(next)
			next++
		}
		v, ok := a.names[field]
		if i, err := strconv.Atoi(field); err == nil && i >= 0 && i < len(a.place) {
			v, ok = a.place[i], true
		}
		if !ok {
			e.fail("nothing for {%s} in a format", field)
		}
		b.text(str(v))
	}
	return b.done()
}
