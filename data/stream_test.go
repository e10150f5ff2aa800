package data

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Concatenated, every token but the first is predicted once, and no
// sequence learns its first token, which ends the one before.
func TestT26StreamsOverlapByOne(t *testing.T) {
	var examples []Example
	next := int32(10)
	for n := 1; n < 12; n++ {
		var e Example
		for range n {
			e.Tokens = append(e.Tokens, next)
			e.Labels = append(e.Labels, next)
			next++
		}
		e.Labels[0] = Ignore
		examples = append(examples, e)
	}
	var predicted, want []int32
	for i, e := range stream(examples, 8) {
		require.Equal(t, int32(Ignore), e.Labels[0])
		if i < 8 {
			require.Len(t, e.Tokens, 9)
		}
		predicted = append(predicted, learnedTokens(e)...)
	}
	for _, e := range examples {
		want = append(want, learnedTokens(e)...)
	}
	require.Equal(t, want, predicted)
}

// learnedTokens returns the learned tokens of an example.
func learnedTokens(e Example) []int32 {
	var out []int32
	for i, l := range e.Labels {
		if i > 0 && l != Ignore {
			out = append(out, e.Tokens[i])
		}
	}
	return out
}
