package jinja_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/jinja"
)

// A conversation of a few messages, as a row of a data set has.
func BenchmarkRender(b *testing.B) {
	source, err := os.ReadFile("testdata/headers.jinja")
	require.NoError(b, err)
	tmpl, err := jinja.Parse(string(source))
	require.NoError(b, err)
	vars := map[string]any{"messages": talk(6, 400), "bos_token": "<s>", "add_generation_prompt": true}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(vars); err != nil {
			b.Fatal(err)
		}
	}
}

// talk returns a conversation of n messages of the given length.
func talk(n, bytes int) *jinja.List {
	var list []any
	for i := range n {
		m := jinja.NewDict()
		m.ID = int32(i + 1)
		m.Set("role", []string{"user", "assistant"}[i%2])
		m.Set("content", jinja.NewText(strings.Repeat("word ", bytes/5), int32(i+1)))
		list = append(list, m)
	}
	return jinja.NewList(list...)
}

// The bounds are far from what a full context needs.
func TestLongConversationsRender(t *testing.T) {
	templates(t, func(t *testing.T, g golden, i int, source string) {
		tmpl, err := jinja.Parse(source)
		require.NoError(t, err)
		out, err := tmpl.Render(map[string]any{"messages": talk(400, 5000), "bos_token": "<s>", "eos_token": "</s>",
			"functions": "", "datetime": ""})
		require.NoError(t, err)
		require.Greater(t, len(out.String()), 1_000_000)
	})
}
