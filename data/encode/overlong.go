package encode

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"fettle/data/recipe"
)

// Policies lists the values of over_long: what becomes of a sequence longer than
// the cutoff.
func Policies() []string {
	return []string{"truncate", "drop", "truncate_prompt", "proportional", "split", "error"}
}

// OverLongError refuses a sequence under the policy "error".
type OverLongError struct {
	Source         string
	Length, Cutoff int
}

func (e *OverLongError) Error() string {
	return fmt.Sprintf("read %s: %d tokens, more than max_seq_length %d: raise it, or choose another over_long than error",
		e.Source, e.Length, e.Cutoff)
}

// Fitted holds the examples of one conversation.
type Fitted struct {
	Examples []Example // none if the conversation was dropped
	Length   int       // tokens before any cut
	Fused    bool      // a token holds the end of a prompt and the beginning of an answer
	Lost     int       // turns in pairs that are too long by themselves, which splitting drops
}

// Fit encodes a conversation into examples of at most cutoff tokens. Prompt and answer
// are tokenized as one text, as in all these systems; a token that holds the end of the
// prompt and the beginning of the answer belongs to the prompt.
//
// The policy decides about longer conversations; "error" returns an OverLongError and
// "" cuts the end. A recipe that concatenates sequences cuts none here.
func (e *Encoder) Fit(c recipe.Conversation, cutoff int, policy string) (Fitted, error) {
	l, err := e.layout(c)
	if err != nil {
		return Fitted{}, err
	}
	out := Fitted{Length: e.length(l), Fused: l.fused}
	if e.recipe.Stream {
		out.Examples = []Example{e.cut(l, unlimited)}
		return out, nil
	}
	if out.Length > cutoff {
		switch policy {
		case "drop":
			return out, nil
		case "error":
			return out, &OverLongError{c.Source, out.Length, cutoff}
		case "truncate_prompt":
			short, ok := e.shorten(c, cutoff)
			if !ok {
				return out, nil
			}
			l = short
		case "proportional":
			if l, err = e.proportion(c, l, cutoff); err != nil {
				return out, err
			}
		case "split":
			out.Examples, out.Lost, err = e.split(c, cutoff)
			return out, err
		}
	}
	out.Examples = []Example{e.cut(l, cutoff)}
	return out, nil
}

// shorten cuts the ends of the user's texts, the longest first, by no more than it
// must. It fails if the rest alone is too long.
func (e *Encoder) shorten(c recipe.Conversation, cutoff int) (layout, bool) {
	longestText := 0
	for _, t := range c.Turns {
		if t.Asks() {
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
			if t.Asks() {
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

// clip returns the first n characters of a text.
func clip(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// split cuts a conversation before questions, into parts that fit; a plain text
// after every cutoff tokens. A pair that is too long by itself is dropped; lost counts
// such turns.
func (e *Encoder) split(c recipe.Conversation, cutoff int) (out []Example, lost int, err error) {
	if len(c.Segments) > 0 {
		out, err = e.splitText(c, cutoff)
		return out, 0, err
	}
	if d := e.recipe.Dialogue; d != nil {
		var before int
		if c.Turns, before, _ = d.Kept(c.Turns, false); c.Given > 0 {
			c.Given = max(c.Given-before, 1)
		}
	}
	for from := 0; from < len(c.Turns); {
		var fits layout
		next := from
		for to := from + 1; to <= len(c.Turns); to++ {
			if to < len(c.Turns) && c.Turns[to].Role != recipe.User {
				continue
			}
			part := c
			part.Turns = c.Turns[from:to]
			if c.Given > 0 { // the question that begins a part is given too
				part.Given = min(max(c.Given-from, 1), to-from)
			}
			l, err := e.layout(part)
			if err != nil {
				return nil, 0, err
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
			lost += -next - from
			from = -next
			continue
		}
		out = append(out, e.cut(fits, cutoff))
		from = next
	}
	return out, lost, nil
}

// splitText cuts a text into parts, each with the token that begins a sequence.
func (e *Encoder) splitText(c recipe.Conversation, cutoff int) ([]Example, error) {
	l, err := e.layout(c)
	if err != nil {
		return nil, err
	}
	whole, head := e.cut(l, unlimited), 0
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

// FitTokens cuts an example to cutoff tokens, as Fit does for a conversation;
// 0: no limit.
func FitTokens(e Example, cutoff int, policy string) ([]Example, error) {
	n := len(e.Tokens)
	part := func(from, to int) Example {
		p := e
		p.Tokens, p.Labels = e.Tokens[from:to:to], e.Labels[from:to:to]
		return p
	}
	if cutoff == 0 || n <= cutoff {
		return []Example{e}, nil
	}
	switch policy {
	case "drop":
		return nil, nil
	case "error":
		return nil, &OverLongError{e.Source, n, cutoff}
	case "split":
		var out []Example
		for at := 0; at < n; at += cutoff {
			out = append(out, part(at, min(at+cutoff, n)))
		}
		return out, nil
	case "truncate_prompt":
		for _, l := range e.Labels[:n-cutoff] {
			if l != Ignore {
				return nil, nil
			}
		}
		return []Example{part(n-cutoff, n)}, nil
	}
	return []Example{part(0, cutoff)}, nil
}
