package jinja

import (
	"strings"
	"unicode/utf8"
)

// Mark records the origin of a byte of a text.
type Mark struct {
	From      int32 // its author: 0 for the template, or NewText's from
	Within    int32 // Dict.ID of the outermost loop's item when it was printed; 0: none
	Generated bool  // printed between {% generation %} and {% endgeneration %}
}

// Run is a run of bytes with the same mark that ends before End.
type Run struct {
	End int
	Mark
}

// Text is a string with a Mark for each byte. All operations of a template keep the marks: trimming, slicing, joining,
// writing as JSON.
type Text struct {
	s    string
	runs []Run // ascending, the last ends at len(s); nil: all from the template
	safe bool  // escaped, as Python's Markup: text added to it is escaped

	empty []int // where a generation block printed nothing, in the output of a template
}

// NewText returns a text whose author is from.
func NewText(s string, from int32) Text {
	if from == 0 || s == "" {
		return Text{s: s}
	}
	return Text{s: s, runs: []Run{{len(s), Mark{From: from}}}}
}

// String returns the text without its marks.
func (t Text) String() string { return t.s }

// Runs returns runs that cover the text, in order.
func (t Text) Runs() []Run {
	if t.runs == nil && t.s != "" {
		return []Run{{End: len(t.s)}}
	}
	return t.runs
}

// Empty returns the places where a generation block printed nothing.
func (t Text) Empty() []int { return t.empty }

// slice returns bytes i up to j.
func (t Text) slice(i, j int) Text {
	out := Text{s: t.s[i:j], safe: t.safe}
	if i == j {
		return out
	}
	for _, r := range t.runs {
		if r.End > i {
			out.runs = append(out.runs, Run{min(r.End, j) - i, r.Mark})
		}
		if r.End >= j {
			break
		}
	}
	return out
}

// chars returns the characters of the text, each as a Text.
func (t Text) chars() []any {
	out := make([]any, 0, len(t.s))
	for i := 0; i < len(t.s); {
		_, n := utf8.DecodeRuneInString(t.s[i:])
		out = append(out, t.slice(i, i+n))
		i += n
	}
	return out
}

// change replaces each character by a string.
func (t Text) change(f func(r rune) string) Text {
	b := builder{safe: t.safe}
	at := 0
	for _, r := range t.Runs() {
		var piece strings.Builder
		for _, c := range t.s[at:r.End] {
			piece.WriteString(f(c))
		}
		b.add(piece.String(), r.Mark)
		at = r.End
	}
	return b.done()
}

// trim removes the characters for which cut holds from one end or both.
func (t Text) trim(cut func(rune) bool, left, right bool) Text {
	i, j := 0, len(t.s)
	if left {
		i = j - len(strings.TrimLeftFunc(t.s, cut))
	}
	if right {
		j = max(i, len(strings.TrimRightFunc(t.s, cut)))
	}
	return t.slice(i, j)
}

// split splits at each sep, at most n times if n is not negative.
func (t Text) split(sep string, n int) []Text {
	var out []Text
	at := 0
	for n != 0 {
		i := strings.Index(t.s[at:], sep)
		if i < 0 {
			break
		}
		out = append(out, t.slice(at, at+i))
		at += i + len(sep)
		n--
	}
	return append(out, t.slice(at, len(t.s)))
}

// replace replaces old with by, at most n times if n is not negative.
func (t Text) replace(old string, by Text, n int) Text {
	if old == "" {
		old := t.chars()
		b := builder{}
		for i := 0; i <= len(old); i++ {
			if n < 0 || i < n {
				b.text(by)
			}
			if i < len(old) {
				b.text(old[i].(Text))
			}
		}
		return b.done()
	}
	return join(t.split(old, n), by)
}

// join concatenates texts with sep between them.
func join(texts []Text, sep Text) Text {
	var b builder
	for i, t := range texts {
		if i > 0 {
			b.text(sep)
		}
		b.text(t)
	}
	return b.done()
}

// lines splits as Python's splitlines does, without line ends.
func (t Text) lines() []Text {
	var out []Text
	at := 0
	for i := 0; i < len(t.s); {
		r, n := utf8.DecodeRuneInString(t.s[i:])
		if !strings.ContainsRune("\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029", r) {
			i += n
			continue
		}
		out = append(out, t.slice(at, i))
		if r == '\r' && strings.HasPrefix(t.s[i+1:], "\n") {
			n++
		}
		i += n
		at = i
	}
	if at < len(t.s) {
		out = append(out, t.slice(at, len(t.s)))
	}
	return out
}

// builder concatenates pieces into a Text.
type builder struct {
	s    strings.Builder
	runs []Run
	safe bool

	empty []int // where a generation block printed nothing
}

func (b *builder) add(s string, m Mark) {
	if s == "" {
		return
	}
	if b.s.Len()+len(s) > maxText {
		panic(tooLong)
	}
	b.s.WriteString(s)
	if n := len(b.runs); n > 0 && b.runs[n-1].Mark == m {
		b.runs[n-1].End = b.s.Len()
	} else {
		b.runs = append(b.runs, Run{b.s.Len(), m})
	}
}

func (b *builder) text(t Text) {
	at := 0
	for _, r := range t.Runs() {
		b.add(t.s[at:r.End], r.Mark)
		at = r.End
	}
}

func (b *builder) done() Text {
	t := Text{s: b.s.String(), runs: b.runs, safe: b.safe, empty: b.empty}
	if len(t.runs) == 1 && t.runs[0].Mark == (Mark{}) {
		t.runs = nil
	}
	return t
}

// overflow is a panic without a line; located adds it.
type overflow string

const tooLong overflow = "a text grows beyond 8 MiB"
