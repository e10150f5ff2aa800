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
)

// FuzzRecipe makes a recipe of any template and lays any conversation out: an error, or a sequence with the answer in
// it whose labels match its tokens.
func FuzzRecipe(f *testing.F) {
	paths, err := filepath.Glob("../../internal/jinja/testdata/*.jinja")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(source), "q", "a")
	}
	f.Add(marked, "q <|x|>", "")
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
		require.Contains(t, text.String(), strings.TrimFunc(answer, stripped))
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
