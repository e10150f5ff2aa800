package data

import (
	"strings"
	"sync"
)

// Tokenizer is what encoding needs. model/tokenizer's type satisfies it.
type Tokenizer interface {
	// Encode returns the ids of plain text: no BOS or EOS is added and text
	// never becomes a control token.
	Encode(text string) []int32

	// EncodeSpecial is Encode, except that the texts of control tokens become
	// them.
	EncodeSpecial(text string) []int32

	Decode(ids []int32) string
	BOS() int32
	EOS() int32
}

// encoder turns conversations into examples. It is safe for concurrent use.
type encoder struct {
	tok    Tokenizer
	recipe Recipe

	once  sync.Once
	names []string // of control tokens, longest first
	named map[string]int32
}

// Encode tokenizes a conversation. Prompt and answer are tokenized as one text,
// as all these systems do; where the last character of the prompt and the first
// of the answer share a token, it counts as prompt. A sequence longer than
// cutoff loses its end.
func (r Recipe) Encode(tok Tokenizer, c Conversation, cutoff int) (Example, error) {
	e := &encoder{tok: tok, recipe: r}
	l, err := e.layout(c)
	if err != nil {
		return Example{}, err
	}
	return e.cut(l, cutoff), nil
}

// layout tokenizes a conversation whole.
func (e *encoder) layout(c Conversation) (layout, error) {
	segments, err := e.recipe.Segments(c)
	if err != nil {
		return layout{}, err
	}
	l := e.lay(segments)
	l.Source = c.Source
	if e.recipe.ShiftMask && len(c.Laid) == 0 {
		e.shift(&l, len(e.lay(segments[:1]).Tokens))
	}
	if e.recipe.spoils(c) {
		for i := range l.Labels {
			l.Labels[i] = Ignore
		}
	}
	return l, nil
}

// cut shortens a sequence to cutoff as the recipe does.
func (e *encoder) cut(l layout, cutoff int) Example {
	ex := l.Example
	if e.recipe.HalfPrompt && l.prompt > cutoff/2 {
		ex.Tokens = append(ex.Tokens[:cutoff/2:cutoff/2], ex.Tokens[l.prompt:]...)
		ex.Labels = append(ex.Labels[:cutoff/2:cutoff/2], ex.Labels[l.prompt:]...)
	}
	n := min(len(ex.Tokens), cutoff)
	ex.Tokens, ex.Labels = ex.Tokens[:n], ex.Labels[:n]
	if end := e.tok.EOS(); e.recipe.EndIfRoom && end >= 0 && n > 0 && n < cutoff && ex.Tokens[n-1] != end {
		ex.Tokens, ex.Labels = append(ex.Tokens, end), append(ex.Labels, end)
	}
	return ex
}

// length is how many tokens a sequence has uncut.
func (e *encoder) length(l layout) int { return len(e.cut(l, longest).Tokens) }

// longest is beyond every cutoff.
const longest = 1 << 30

// shift moves the mask n tokens to the left.
func (e *encoder) shift(l *layout, n int) {
	mask := append([]int32(nil), l.Labels...)
	for i, id := range l.Tokens {
		l.Labels[i] = id
		if i+n < len(mask) && mask[i+n] == Ignore {
			l.Labels[i] = Ignore
		}
	}
}

// text tokenizes with or without control tokens in the text, as the recipe
// has it.
func (e *encoder) text(text string) []int32 {
	if e.recipe.Specials {
		return e.tok.EncodeSpecial(text)
	}
	return e.tok.Encode(text)
}

// continued tokenizes text that goes on behind other text. It begins behind a
// line break, which no token goes across, and takes that off again.
func (e *encoder) continued(text string) []int32 {
	before, ids := e.text("\n"), e.text("\n"+text)
	if len(before) > len(ids) {
		return e.text(text)
	}
	for i, id := range before {
		if ids[i] != id {
			return e.text(text)
		}
	}
	return ids[len(before):]
}

// Prompt is what generation begins with: the training text up to the answer.
func (r Recipe) Prompt(tok Tokenizer, instruction, input string) ([]int32, error) {
	return r.Ask(tok, Conversation{Turns: []Turn{{Role: User, Text: instruction, Input: input}}})
}

// Ask is what generation begins with in a conversation whose last turn is the
// user's: the training text up to the next answer. A recipe that has room for
// one instruction sees the last turn only. A space at the very end is left for
// the answer's first word, whose token has it. A chat template may refuse.
func (r Recipe) Ask(tok Tokenizer, c Conversation) ([]int32, error) {
	e := &encoder{tok: tok, recipe: r}
	segments, err := r.asking(c)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	if last := &segments[len(segments)-1]; !last.Markup {
		last.Text = strings.TrimSuffix(last.Text, " ")
	}
	return e.lay(segments).Tokens, nil
}
