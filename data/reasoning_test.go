package data_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/chattemplate"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// A chat template that prints reasoning gets it under the record's name; where nothing prints it, it is named.
func TestReasoningIsPrintedOrNamed(t *testing.T) {
	const thinks = `{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}A:{% if m.reasoning_content %}` +
		`({{ m.reasoning_content }}){% endif %}{{ m.content }}{{ eos_token }}{% else %}U:{{ m.content }};{% endif %}` +
		`{% endfor %}{% if add_generation_prompt %}A:{% endif %}`
	const row = `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "KEY": "because", "content": "a"}]}`
	tok := datatest.Spelled{}
	template, err := chattemplate.Recipe("a.jinja", chattemplate.Templates{Default: thinks}, tok)
	require.NoError(t, err)
	vicuna, err := recipe.Find("vicuna")
	require.NoError(t, err)
	for _, c := range []struct {
		reason, key string
		recipe      recipe.Recipe
		shown       bool
	}{
		{"a template that prints it", "reasoning_content", template, true},
		{"another name", "thinking", template, false},
		{"a recipe without a place for it", "reasoning_content", vicuna, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			text := strings.Replace(row, "KEY", c.key, 1)
			s, err := datatest.Load(tok, c.recipe, datatest.Write(t, "a.jsonl", text), data.Options{})
			require.NoError(t, err)
			if c.shown {
				require.Equal(t, "<s>U:q;A:⟦(because)a</s>⟧", tok.Shown(s.Examples[0]))
				require.Empty(t, s.Report.Counts["unread-field"])
				return
			}
			require.NotContains(t, tok.Shown(s.Examples[0]), "because")
			require.Equal(t, 1, s.Report.Counts["unread-field"])
			require.Contains(t, s.Report.String(), `"messages[].`+c.key+`" is not read`)
		})
	}
}
