// Package encode turns conversations into token sequences with labels: the
// segments of a recipe are tokenized, labelled and cut to a length.
package encode

import (
	"slices"
	"strings"

	"fettle/data/recipe"
)

// Encoder encodes conversations in the layout of a recipe. It is safe for
// concurrent use.
type Encoder struct {
	tok    Tokenizer
	recipe recipe.Recipe
}

// New returns an encoder for a tokenizer and a recipe.
func New(tok Tokenizer, r recipe.Recipe) *Encoder {
	return &Encoder{tok: tok, recipe: r}
}

// Prompt encodes a conversation whose last turn is the user's: the tokens of
// training up to the next answer, where generation begins. A recipe for single
// instructions sees the last turn only. A space at the very end is left to the
// answer, whose first token begins with it. A chat template may refuse.
func (e *Encoder) Prompt(c recipe.Conversation) ([]int32, error) {
	segments, err := e.recipe.PromptSegments(c)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	if last := &segments[len(segments)-1]; !last.Markup {
		last.Text = strings.TrimSuffix(last.Text, " ")
	}
	return e.lay(segments).Tokens, nil
}

// layout tokenizes a whole conversation.
func (e *Encoder) layout(c recipe.Conversation) (layout, error) {
	segments, err := e.recipe.Segments(c)
	if err != nil {
		return layout{}, err
	}
	l := e.lay(segments)
	l.broken = e.unanswered(c, segments, l.Tokens)
	e.close(&l, segments, len(c.Segments) > 0)
	l.Source = c.Source
	if e.recipe.ShiftMask && len(c.Segments) == 0 {
		e.shift(&l, len(e.lay(segments[:1]).Tokens))
	}
	if e.recipe.Spoiled(c) {
		l.broken = min(l.broken, len(l.Tokens))
	}
	return l, nil
}

// cut shortens a sequence to cutoff as the recipe does.
func (e *Encoder) cut(l layout, cutoff int) Example {
	ex := l.Example
	if e.recipe.HalfPrompt && l.prompt > cutoff/2 {
		ex.Tokens = append(ex.Tokens[:cutoff/2:cutoff/2], ex.Tokens[l.prompt:]...)
		ex.Labels = append(ex.Labels[:cutoff/2:cutoff/2], ex.Labels[l.prompt:]...)
	}
	n := min(len(ex.Tokens), cutoff)
	if begin := n - l.after; begin >= 0 && l.after > 0 && n < len(ex.Tokens) {
		end := len(ex.Tokens) - l.after
		ex.Tokens = append(ex.Tokens[:begin:begin], ex.Tokens[end:]...)
		ex.Labels = append(ex.Labels[:begin:begin], ex.Labels[end:]...)
	}
	ex.Tokens, ex.Labels = ex.Tokens[:n], ex.Labels[:n]
	if l.broken < cutoff {
		ex.Labels = slices.Repeat([]int32{Ignore}, n)
	}
	if end := e.tok.EOS(); e.recipe.EndIfRoom && end >= 0 && n > 0 && n < cutoff && ex.Tokens[n-1] != end {
		ex.Tokens, ex.Labels = append(ex.Tokens, end), append(ex.Labels, end)
	}
	return ex
}

// length returns the tokens of a sequence before any cut.
func (e *Encoder) length(l layout) int { return len(e.cut(l, unlimited).Tokens) }

// unlimited is a cutoff beyond every sequence.
const unlimited = 1 << 30

// shift moves the mask n tokens to the left.
func (e *Encoder) shift(l *layout, n int) {
	mask := append([]int32(nil), l.Labels...)
	for i, id := range l.Tokens {
		l.Labels[i] = id
		if i+n < len(mask) && mask[i+n] == Ignore {
			l.Labels[i] = Ignore
		}
	}
}
