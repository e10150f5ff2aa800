package data

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// overLong says what becomes of sequences longer than the cutoff.
var overLong = []string{"truncate", "drop", "truncate_prompt", "split", "error"}

// fit makes the examples of a conversation, none longer than cutoff.
func (e *encoder) fit(c Conversation, cutoff int, policy string) (out outcome) {
	l, err := e.layout(c)
	if err != nil {
		return outcome{bad: err}
	}
	out.length, out.fused = e.length(l), l.fused
	if e.recipe.Stream {
		out.examples = []Example{e.cut(l, longest)}
		return out
	}
	if out.length > cutoff {
		switch policy {
		case "drop":
			return out
		case "error":
			out.fatal = fmt.Errorf("read %s: %d tokens, more than max_seq_length %d", c.Source, out.length, cutoff)
			return out
		case "truncate_prompt":
			short, ok := e.shorten(c, cutoff)
			if !ok {
				return out
			}
			l = short
		case "split":
			out.examples, out.bad = e.split(c, cutoff)
			return out
		}
	}
	out.examples = []Example{e.cut(l, cutoff)}
	return out
}

// shorten takes from the ends of what the user says, the longest texts first,
// no more than it must. It fails where the rest alone is too long.
func (e *encoder) shorten(c Conversation, cutoff int) (layout, bool) {
	longestText := 0
	for _, t := range c.Turns {
		if t.asks() {
			longestText = max(longestText, utf8.RuneCountInString(t.Text), utf8.RuneCountInString(t.Input))
		}
	}
	var best layout
	found := false
	for lo, hi := 0, longestText; lo <= hi; {
		limit := (lo + hi) / 2
		short := c
		short.Turns = slices.Clone(c.Turns)
		for i, t := range short.Turns {
			if t.asks() {
				short.Turns[i].Text, short.Turns[i].Input = clip(t.Text, limit), clip(t.Input, limit)
			}
		}
		l, err := e.layout(short)
		if err == nil && e.length(l) <= cutoff {
			best, found = l, true
			lo = limit + 1
		} else {
			hi = limit - 1
		}
	}
	return best, found
}

// clip is the first n characters of a text.
func clip(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// split cuts a conversation between a question and the answer before it, so
// that every part fits; a plain text after every cutoff tokens. A pair that is
// too long by itself is left out.
func (e *encoder) split(c Conversation, cutoff int) ([]Example, error) {
	if len(c.Laid) > 0 {
		return e.splitText(c, cutoff)
	}
	var out []Example
	for from := 0; from < len(c.Turns); {
		var fits layout
		next := from
		for to := from + 1; to <= len(c.Turns); to++ {
			if to < len(c.Turns) && c.Turns[to].Role != User {
				continue
			}
			part := c
			part.Turns = c.Turns[from:to]
			l, err := e.layout(part)
			if err != nil {
				return nil, err
			}
			if e.length(l) > cutoff {
				if next == from {
					next = -to
				}
				break
			}
			fits, next = l, to
		}
		if next < 0 {
			from = -next
			continue
		}
		out = append(out, e.cut(fits, cutoff))
		from = next
	}
	return out, nil
}

// splitText cuts a text into parts that all begin as a sequence does.
func (e *encoder) splitText(c Conversation, cutoff int) ([]Example, error) {
	l, err := e.layout(c)
	if err != nil {
		return nil, err
	}
	whole, head := e.cut(l, longest), 0
	if len(e.lay(nil).Tokens) > 0 {
		head = 1
	}
	if cutoff <= head {
		return nil, fmt.Errorf("split %s: max_seq_length %d leaves no room", c.Source, cutoff)
	}
	var out []Example
	for at := head; at < len(whole.Tokens); at += cutoff - head {
		end := min(at+cutoff-head, len(whole.Tokens))
		out = append(out, Example{
			Tokens: slices.Concat(whole.Tokens[:head], whole.Tokens[at:end]),
			Labels: slices.Concat(whole.Labels[:head], whole.Labels[at:end]), Source: c.Source,
		})
	}
	return out, nil
}

// fitTokens does for a tokenized record what fit does for a conversation.
func (w worker) fitTokens(e Example) ([]Example, error) {
	switch w.overLong {
	case "drop":
		return nil, nil
	case "error":
		return nil, fmt.Errorf("read %s: %d tokens, more than max_seq_length %d", e.Source, len(e.Tokens), w.cutoff)
	case "split":
		var out []Example
		for at := 0; at < len(e.Tokens); at += w.cutoff {
			end := min(at+w.cutoff, len(e.Tokens))
			out = append(out, Example{Tokens: e.Tokens[at:end:end], Labels: e.Labels[at:end:end], Source: e.Source})
		}
		return out, nil
	case "truncate_prompt":
		from := len(e.Tokens) - w.cutoff
		for _, l := range e.Labels[:from] {
			if l != Ignore {
				return nil, nil
			}
		}
		return []Example{{Tokens: e.Tokens[from:], Labels: e.Labels[from:], Source: e.Source}}, nil
	}
	return []Example{{Tokens: e.Tokens[:w.cutoff], Labels: e.Labels[:w.cutoff], Source: e.Source}}, nil
}

// Keeps is the max_seq_length that keeps a share of the rows whole.
func (s *Set) Keeps(share float64) int {
	if len(s.Lengths) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.Lengths))
	kept := int(share*float64(len(sorted)) + 0.999999)
	return int(sorted[max(0, min(kept, len(sorted))-1)])
}

// OverLongTable tells how many rows are longer than the cutoff, by how much, and
// what max_seq_length would keep more.
func (s *Set) OverLongTable() string {
	if s.Stream {
		return fmt.Sprintf("%d rows are strung together and cut every %d tokens; the longest has %d\n", len(s.Lengths), s.Cutoff, s.Keeps(1))
	}
	var b strings.Builder
	over := 0
	by := map[string]int{}
	classes := []string{"up to 10 %", "up to 50 %", "up to 100 %", "more"}
	for _, n := range s.Lengths {
		if int(n) <= s.Cutoff {
			continue
		}
		over++
		k := 0
		for k < 3 && float64(n) > float64(s.Cutoff)*[]float64{1.1, 1.5, 2}[k] {
			k++
		}
		by[classes[k]]++
	}
	fmt.Fprintf(&b, "%d of %d rows are longer than max_seq_length %d: %d cut, %d dropped, %d split\n", over, len(s.Lengths), s.Cutoff, s.Cut, s.Dropped, s.Split)
	if over > 0 {
		for _, class := range classes {
			fmt.Fprintf(&b, "  longer by %-12s %d\n", class, by[class])
		}
	}
	for _, share := range []float64{0.95, 0.99, 1} {
		fmt.Fprintf(&b, "  max_seq_length %-6d keeps %.0f %%\n", s.Keeps(share), 100*share)
	}
	return b.String()
}
