// Package inspect shows an encoded data set: samples with their learned spans, lengths, and the findings of
// the linter, for a terminal, as JSON lines or as a page.
package inspect

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"fettle/data"
	"fettle/internal/chart"
	"fettle/internal/human"
	"fettle/model/tokenizer"
)

// View shows examples.
type View struct {
	Tokenizer *tokenizer.Tokenizer
	Out       io.Writer
	Color     bool // Out is a terminal with colours
}

// The colours of a terminal.
const (
	bold, dim, red, green, yellow, magenta, cyan = "1", "2", "1;31", "32", "1;33", "35", "36"
)

// paint colours a text.
func (v View) paint(color, text string) string {
	if !v.Color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// span is a run of an example's text, learned or not, or the name of a control token.
type span struct {
	Text           string
	Learn, Control bool
}

// spans cuts an example's text into spans, control tokens by name.
func (v View) spans(e data.Example) []span {
	var out []span
	put := func(text string, learn, control bool) {
		if n := len(out); n > 0 && out[n-1].Learn == learn && out[n-1].Control == control {
			out[n-1].Text += text
		} else if text != "" {
			out = append(out, span{text, learn, control})
		}
	}
	stream, learning := v.Tokenizer.NewStream(), false
	for i, id := range e.Tokens {
		learn := e.Labels[i] != data.Ignore && i > 0
		control := v.Tokenizer.Control(id) || v.Tokenizer.Piece(id) == "<unk>"
		if learn != learning || control {
			put(stream.Flush(), learning, false)
		}
		learning = learn
		if !control {
			put(stream.Push(id), learn, false)
			continue
		}
		put(v.Tokenizer.Piece(id), learn, true)
		if id == v.Tokenizer.BOS() {
			stream = v.Tokenizer.NewStream() // the next token begins a text
		}
	}
	put(stream.Flush(), learning, false)
	return out
}

// Sample shows an example with its learned spans.
func (v View) Sample(i int, e data.Example) {
	fmt.Fprintln(v.Out, v.paint(bold, fmt.Sprintf("── sample %d · %s · %d tokens, %d learned", i+1, e.Source,
		len(e.Tokens), e.Learned())))
	fmt.Fprintln(v.Out, v.marked(e, visible))
}

// marked writes an example's text, its learned spans between ⟦ and ⟧. On a terminal they are green, and control tokens
// stand out.
func (v View) marked(e data.Example, show func(string) string) string {
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

// plainText returns a text unchanged.
func plainText(text string) string { return text }

// visible spells out the characters that a terminal executes or hides: control characters, invisible marks, changes of
// the writing direction.
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

// Summary counts tokens, draws the lengths, and lists the findings of the linter.
func (v View) Summary(recipe string, s *data.Set) {
	fmt.Fprintln(v.Out, v.paint(bold, fmt.Sprintf("── %s examples, %s tokens, %s learned (%.0f %%); recipe %s",
		human.Count(len(s.Examples)), human.Count(s.Tokens), human.Count(s.Learned), learnedShare(s), recipe)))
	if text := note(recipe, s); text != "" {
		fmt.Fprintln(v.Out, text)
	}
	fmt.Fprint(v.Out, s.OverLongTable())
	lengths := lengthsOf(s, allTokens)
	n := len(lengths)
	fmt.Fprintf(v.Out, "examples have %d to %d tokens, half of them up to %d\n", lengths[0], lengths[n-1],
		lengths[(n-1)/2])
	const width = 50
	classes := chart.Histogram(lengths)
	top := chart.Top(classes)
	for _, c := range classes {
		bar := strings.Repeat("█", (c.Count*width+top-1)/top)
		fmt.Fprintf(v.Out, "%6d–%-6d %s %d\n", c.From, c.To, v.paint(cyan, bar), c.Count)
	}
	fmt.Fprint(v.Out, fieldLines(s))
	for i, line := range strings.Split(strings.TrimSuffix(s.Report.String(), "\n"), "\n") {
		if i == 0 {
			fmt.Fprint(v.Out, "── ")
		}
		fmt.Fprintln(v.Out, v.finding(visible(line)))
	}
}

// finding colours a line of the linter's report.
func (v View) finding(line string) string {
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

// learnedShare returns the percentage of tokens that are learned.
func learnedShare(s *data.Set) float64 { return 100 * float64(s.Learned) / float64(max(s.Tokens, 1)) }

// allTokens counts an example's tokens.
func allTokens(e data.Example) int { return len(e.Tokens) }

// lengthsOf counts the tokens of every example, sorted.
func lengthsOf(s *data.Set, count func(data.Example) int) []int {
	lengths := make([]int, len(s.Examples))
	for i, e := range s.Examples {
		lengths[i] = count(e)
	}
	slices.Sort(lengths)
	return lengths
}
