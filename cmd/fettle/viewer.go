package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"fettle/data"
	"fettle/model/tokenizer"
	"fettle/train"
)

// viewer shows examples.
type viewer struct {
	tok   *tokenizer.Tokenizer
	out   io.Writer
	color bool
}

// The colours of a terminal.
const (
	bold, dim, red, green, yellow, magenta, cyan = "1", "2", "1;31", "32", "1;33", "35", "36"
)

// paint colours a text.
func (v viewer) paint(color, text string) string {
	if !v.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// span is a run of an example's text that is learned, or not; Control: it is a
// control token's name.
type span struct {
	Text           string
	Learn, Control bool
}

// spans are an example's text, control tokens by name.
func (v viewer) spans(e data.Example) []span {
	var out []span
	put := func(text string, learn, control bool) {
		if n := len(out); n > 0 && out[n-1].Learn == learn && out[n-1].Control == control {
			out[n-1].Text += text
		} else if text != "" {
			out = append(out, span{text, learn, control})
		}
	}
	stream, learning := v.tok.NewStream(), false
	for i, id := range e.Tokens {
		learn := e.Labels[i] != data.Ignore && i > 0
		control := v.tok.Control(id) || v.tok.Piece(id) == "<unk>"
		if learn != learning || control {
			put(stream.Flush(), learning, false)
		}
		learning = learn
		if !control {
			put(stream.Push(id), learn, false)
			continue
		}
		put(v.tok.Piece(id), learn, true)
		if id == v.tok.BOS() {
			stream = v.tok.NewStream() // what follows begins a text
		}
	}
	put(stream.Flush(), learning, false)
	return out
}

// sample shows an example with its learned spans.
func (v viewer) sample(i int, e data.Example) {
	fmt.Fprintln(v.out, v.paint(bold, fmt.Sprintf("── sample %d · %s · %d tokens, %d learned", i+1, e.Source, len(e.Tokens), e.Learned())))
	fmt.Fprintln(v.out, v.marked(e, visible))
}

// marked is the example's text, its learned spans between ⟦ and ⟧; on a terminal
// they are green, and control tokens stand out.
func (v viewer) marked(e data.Example, show func(string) string) string {
	var b strings.Builder
	learning := false
	border := func(learn bool) {
		if learn != learning {
			b.WriteString(v.paint(green, map[bool]string{true: "⟦", false: "⟧"}[learn]))
		}
		learning = learn
	}
	for _, s := range v.spans(e) {
		border(s.Learn)
		text := show(s.Text)
		switch {
		case s.Control:
			text = v.paint(magenta, text)
		case s.Learn:
			text = v.paint(green, text)
		}
		b.WriteString(text)
	}
	border(false)
	return b.String()
}

func plainText(text string) string { return text }

// visible writes out what a terminal would obey or not show at all: control
// characters, invisible marks, changes of the writing direction.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d': // joiners belong to scripts and emoji
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// summary counts, draws the lengths, and says what is wrong.
func (v viewer) summary(c train.Config, s *data.Set) {
	fmt.Fprintln(v.out, v.paint(bold, fmt.Sprintf("── %d examples, %d tokens, %d learned (%.0f %%); recipe %s", len(s.Examples), s.Tokens, s.Learned, learnedShare(s), c.Recipe)))
	fmt.Fprint(v.out, s.OverLongTable())
	lengths := lengthsOf(s, allTokens)
	n := len(lengths)
	fmt.Fprintf(v.out, "examples have %d to %d tokens, half of them up to %d\n", lengths[0], lengths[n-1], lengths[(n-1)/2])
	const width = 50
	classes, top := histogram(lengths), 1
	for _, c := range classes {
		top = max(top, c.Count)
	}
	for _, c := range classes {
		bar := strings.Repeat("█", (c.Count*width+top-1)/top)
		fmt.Fprintf(v.out, "%6d–%-6d %s %d\n", c.From, c.To, v.paint(cyan, bar), c.Count)
	}
	for i, line := range strings.Split(strings.TrimSuffix(s.Report.String(), "\n"), "\n") {
		if i == 0 {
			fmt.Fprint(v.out, "── ")
		}
		fmt.Fprintln(v.out, v.finding(visible(line)))
	}
}

// finding colours a line of the linter's report.
func (v viewer) finding(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	color := map[string]string{"error": red, "warning": yellow, "note": cyan, "fixed": green}[word]
	switch {
	case color != "":
		return v.paint(color, word) + " " + rest
	case strings.HasPrefix(line, "    →"):
		return v.paint(dim, line)
	}
	return line
}

// learnedShare is the percentage of tokens that are learned.
func learnedShare(s *data.Set) float64 { return 100 * float64(s.Learned) / float64(max(s.Tokens, 1)) }

// allTokens counts an example's tokens.
func allTokens(e data.Example) int { return len(e.Tokens) }

// lengthsOf counts what is in every example, sorted.
func lengthsOf(s *data.Set, count func(data.Example) int) []int {
	lengths := make([]int, len(s.Examples))
	for i, e := range s.Examples {
		lengths[i] = count(e)
	}
	slices.Sort(lengths)
	return lengths
}

// class counts the lengths From … To.
type class struct{ From, To, Count int }

// histogram sorts lengths into at most twelve classes, from the shortest on.
func histogram(sorted []int) []class {
	const classes = 12
	first, last := sorted[0], sorted[len(sorted)-1]
	step := (last-first)/classes + 1
	out := make([]class, (last-first)/step+1)
	for i := range out {
		out[i].From, out[i].To = first+i*step, first+(i+1)*step-1
	}
	for _, n := range sorted {
		out[(n-first)/step].Count++
	}
	out[len(out)-1].To = last
	return out
}
