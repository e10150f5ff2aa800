package tokenizer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRepetitionsOfVaryingGroupsAreRefused(t *testing.T) {
	for expression, fine := range map[string]bool{
		gpt2Words: true, llama3Words: true,
		`(?i:'s|'t)?\p{N}{1,3}`: true, `\p{N}{1,3}(?=(?:\p{N}{3})*\b)`: true, `(?:ab|cd)+`: true, `(a+)?b`: true,
		`(a+){1}`: true, `(a{3}){2,}`: true, `[(a+)+]`: true, `(?:a?b??)?`: true, `x{2}(?:a+)`: true, `\(a+\)+`: true,

		`(a+)+$`: false, `(a*)*`: false, `(a?){16}a{16}`: false, `(?:\w{1,3}){2,9}`: false, `((a|b)*c)+`: false,
		`(?:(?:a+)?b)*`: false, `(a+){2}`: false, `(a{2,}?)+?`: false, `(x(y?))*`: false, `([a)]?)*`: false,
		`(a++b)*`: false,
	} {
		require.Equal(t, !fine, nested(expression), expression)
	}
}

// Neither a search that would take for ever nor a text after it holds a tokenizer.
func TestSlowSearchesEnd(t *testing.T) {
	for _, expression := range []string{
		strings.Repeat("a?", 40) + strings.Repeat("a", 40) + "b", `(?:a|a|aa)*b`, `(?=(?:a|a)*c)x`,
	} {
		p, err := newPattern(expression)
		require.NoError(t, err)
		text := strings.Repeat("a", 60)
		for range 2 {
			var parts []string
			p.split(text, func(part string, match bool) {
				require.False(t, match)
				parts = append(parts, part)
			})
			require.Equal(t, []string{text}, parts, expression)
		}
	}
}
