package chattemplate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/internal/budget"
	"fettle/internal/jinja"
)

// FuzzRecipe makes a recipe of any template and lays any conversation out: an error, or what the template prints for
// texts of no author, in a sequence whose labels match its tokens. The templates that are given print the answer.
func FuzzRecipe(f *testing.F) {
	paths, err := filepath.Glob("../../internal/jinja/testdata/*.jinja")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	given := map[string]bool{marked: true}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(f, err)
		given[string(source)] = true
		f.Add(string(source), "q", "a")
	}
	f.Add(marked, "q <|x|>", "")
	f.Add("{{ messages }}", "it's", "\xff")
	f.Add("{{ messages[0].content }}", "q", "an answer that it omits")
	f.Add(`{% for m in messages %}<|x|>{{ m.content | trim }}</s>{% endfor %}`, " q\n", "a </s>")
	tok := datatest.Spelled{Controls: []string{"<|x|>", "<|im_end|>"}}
	f.Fuzz(func(t *testing.T, source, question, answer string) {
		n := len(source) + len(question) + len(answer)
		defer budget.Of(t, n)()
		r, err := chattemplate.Recipe("t.jinja", chattemplate.Templates{Default: source}, tok)
		if err != nil {
			require.ErrorContains(t, err, "chat template t.jinja: ")
			return
		}
		c := datatest.Talk(question, answer)
		segments, err := r.Segments(c)
		if err != nil {
			return
		}
		var text strings.Builder
		for _, s := range segments {
			text.WriteString(s.Text)
		}
		if given[source] {
			require.Contains(t, text.String(), strings.TrimFunc(answer, stripped))
		}
		if !strings.Contains(source, "strftime_now") {
			require.Equal(t, printed(t, source, tok, question, answer), text.String())
		}
		e, err := datatest.Encode(tok, r, c, 4096)
		if err != nil {
			return
		}
		require.Equal(t, len(e.Tokens), len(e.Labels))
		for i, l := range e.Labels {
			require.True(t, l == encode.Ignore || l == e.Tokens[i])
		}
	})
}

// stripped reports whether Python's str.strip takes r away.
func stripped(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// printed returns what a template prints for a question and its answer.
func printed(t *testing.T, source string, tok datatest.Spelled, question, answer string) string {
	parsed, err := jinja.Parse(source)
	require.NoError(t, err)
	var list []any
	for _, m := range [][2]string{{"user", question}, {"assistant", answer}} {
		d := jinja.NewDict()
		d.Set("role", m[0])
		d.Set("content", m[1])
		list = append(list, d)
	}
	out, err := parsed.Render(map[string]any{
		"messages": jinja.NewList(list...), "add_generation_prompt": false, "tools": nil, "documents": nil,
		"bos_token": tok.Piece(tok.BOS()), "eos_token": tok.Piece(tok.EOS()),
	})
	require.NoError(t, err)
	return out.String()
}
