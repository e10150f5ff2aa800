package data

import (
	"fmt"
	"slices"
)

// stream concatenates examples and cuts the result into sequences of length
// predictions, as EasyLM does for Koala: a sequence begins with the last token of the
// one before, so every token but the very first is predicted exactly once. Attention
// crosses the borders of examples.
func stream(examples []Example, length int) []Example {
	var whole Example
	for _, e := range examples {
		whole.Tokens = append(whole.Tokens, e.Tokens...)
		whole.Labels = append(whole.Labels, e.Labels...)
	}
	var out []Example
	for at := 0; at+1 < len(whole.Tokens); at += length {
		end := min(at+length+1, len(whole.Tokens))
		e := Example{
			Tokens: whole.Tokens[at:end:end], Labels: slices.Clone(whole.Labels[at:end]),
			Source: fmt.Sprint("stream:", len(out)+1),
		}
		e.Labels[0] = Ignore
		out = append(out, e)
	}
	return out
}
