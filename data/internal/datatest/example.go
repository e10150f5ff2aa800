package datatest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/encode"
	"fettle/data/recipe"
)

// Marked returns a text with its learned spans between ⟦ and ⟧ and with ends as ¶.
func Marked(e encode.Example) string {
	var b strings.Builder
	on := false
	for i, id := range e.Tokens {
		if learn := i > 0 && e.Labels[i] != encode.Ignore; learn != on {
			b.WriteString(map[bool]string{true: "⟦", false: "⟧"}[learn])
			on = learn
		}
		switch id {
		case 1:
		case 2:
			b.WriteString("¶")
		default:
			b.WriteString(Letters{}.Decode([]int32{id}))
		}
	}
	if on {
		b.WriteString("⟧")
	}
	return b.String()
}

// Learned returns the learned tokens of an example.
func Learned(e encode.Example) []int32 {
	var out []int32
	for i, l := range e.Labels {
		if i > 0 && l != encode.Ignore {
			out = append(out, e.Tokens[i])
		}
	}
	return out
}

// Talk returns a conversation of alternating turns, the user's first.
func Talk(turns ...string) recipe.Conversation {
	var c recipe.Conversation
	for i, text := range turns {
		role := recipe.User
		if i%2 == 1 {
			role = recipe.Assistant
		}
		c.Turns = append(c.Turns, recipe.Turn{Role: role, Text: text})
	}
	return c
}

// EachRecipe runs f as a subtest for every recipe.
func EachRecipe(t *testing.T, f func(t *testing.T, r recipe.Recipe)) {
	for _, r := range recipe.All() {
		t.Run(r.Name, func(t *testing.T) { f(t, r) })
	}
}

// Text returns the text of a prompt in the words of d; end spells EOS.
func Text(t *testing.T, d *recipe.Dialogue, c recipe.Conversation, end string) string {
	segments, err := recipe.Recipe{Dialogue: d}.PromptSegments(c)
	require.NoError(t, err)
	var b strings.Builder
	for _, s := range segments {
		b.WriteString(s.Text)
		if s.End {
			b.WriteString(end)
		}
	}
	return b.String()
}

// Encode encodes a conversation into one example of at most cutoff tokens.
func Encode(tok encode.Tokenizer, r recipe.Recipe, c recipe.Conversation, cutoff int) (encode.Example, error) {
	r.Stream = false
	fitted, err := encode.New(tok, r).Fit(c, cutoff, "truncate")
	if err != nil {
		return encode.Example{}, err
	}
	return fitted.Examples[0], nil
}
