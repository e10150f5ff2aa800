package generate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/generate"
)

func TestStopStringsEndTheTextHoweverItIsCut(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		stops            []string
		ended            bool
	}{
		{"none", "one two", "one two", nil, false},
		{"empty ones never stop", "one two", "one two", []string{""}, false},
		{"in the middle", "one###two", "one", []string{"###"}, true},
		{"only begun", "one##", "one##", []string{"###"}, false},
		{"begun twice", "a####b", "a", []string{"###b", "####"}, true},
		{"the first of two", "x User: y\n\n", "x", []string{"\n\n", " User:"}, true},
		{"begins inside a false beginning", "aab", "a", []string{"ab"}, true},
		{"at the start", "###", "", []string{"###"}, true},
		{"longer than a character", "née ≤ 5", "née ", []string{"≤"}, true},
	} {
		for size := 1; size <= len(c.text); size++ {
			s, got, ended := generate.NewStop(c.stops), "", false
			for rest := c.text; rest != "" && !ended; {
				n := min(size, len(rest))
				var text string
				text, ended = s.Push(rest[:n])
				got, rest = got+text, rest[n:]
			}
			require.Equal(t, c.want, got+s.Flush(), "%s, pieces of %d", c.name, size)
			require.Equal(t, c.ended, ended, "%s, pieces of %d", c.name, size)
		}
	}
}

func FuzzStopHoldsNothingBackAtTheEnd(f *testing.F) {
	f.Add("some ### text", "###", 3)
	f.Add("aaab", "aab", 1)
	f.Fuzz(func(t *testing.T, text, stop string, size int) {
		size = max(1, size%16)
		s, got, ended := generate.NewStop([]string{stop}), "", false
		for rest := text; rest != "" && !ended; {
			n := min(size, len(rest))
			var shown string
			shown, ended = s.Push(rest[:n])
			got, rest = got+shown, rest[n:]
		}
		want, _, found := strings.Cut(text, stop)
		if stop == "" {
			want, found = text, false
		}
		require.Equal(t, want, got+s.Flush())
		require.Equal(t, found, ended)
	})
}

// script predicts given tokens and records the calls.
type script struct {
	next  []int32
	calls [][]int32
}

func (s *script) Decode(tokens []int32) ([]float32, error) {
	s.calls = append(s.calls, append([]int32(nil), tokens...))
	logits := make([]float32, 10)
	if len(s.next) > 0 && len(tokens) > 0 {
		logits[s.next[0]] = 9
	}
	return logits, nil
}

func TestOnlyNewTokensAreDecoded(t *testing.T) {
	d := &script{next: []int32{7}}
	tokens, reason := generate.Tokens(context.Background(), d, sampler(generate.Sampler{}), []int32{1, 2, 3},
		generate.Options{MaxNewTokens: 2, Decoded: 2})
	for token, err := range tokens {
		require.NoError(t, err)
		require.EqualValues(t, 7, token)
	}
	require.Equal(t, [][]int32{{3}, {7}}, d.calls, "two of the prompt were there; the last token is never decoded")
	require.Equal(t, generate.MaxTokens, *reason)
}

func TestALongPromptCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &cancelling{cancel: cancel}
	tokens, reason := generate.Tokens(ctx, d, sampler(generate.Sampler{}), make([]int32, 10000),
		generate.Options{MaxNewTokens: 2})
	for range tokens {
		require.Fail(t, "a token")
	}
	require.Equal(t, generate.Cancelled, *reason)
	require.Equal(t, 1, d.calls)
}

type cancelling struct {
	cancel func()
	calls  int
}

func (c *cancelling) Decode([]int32) ([]float32, error) {
	c.calls++
	c.cancel()
	return []float32{1}, nil
}
