package chattemplate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// learnedBy shows what a template learns of a conversation with a tokenizer whose tokens
// cross the edges of tags and turns.
func learnedBy(t *testing.T, template string, c recipe.Conversation) string {
	words := datatest.NewWords()
	r, err := chattemplate.Recipe("t.jinja", chattemplate.Templates{Default: template}, words)
	require.NoError(t, err)
	r.Restrict(&c, "")
	fitted, err := encode.New(words, r).Fit(c, 4096, "")
	require.NoError(t, err)
	return words.Shown(fitted.Examples[0])
}

const marked = `{% for m in messages %}{% if m.role == 'assistant' %}` +
	`Bot: {% generation %}{{ m.content }}{% endgeneration %}{{ '\n' }}{% else %}` +
	`{{ m.role }}: {{ m.content }}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}Bot: {% endif %}`

// transformers 5.24 learns every token that overlaps a span, see docs/DEPARTURES.md.
func TestGenerationTagsLearnEveryTokenOfTheirText(t *testing.T) {
	for _, c := range []struct {
		name, template, want string
		turns                []string
	}{
		{"the token that holds the first character", marked,
			"user: q\nBot:⟦ Under the mat⟧\n", []string{"q", "Under the mat"}},
		{"the token that holds the last character", marked, "user: q\nBot:⟦ No.\n⟧", []string{"q", "No."}},
		{"several answers", marked, "user: q\nBot:⟦ a⟧\nuser: r\nBot:⟦ b⟧\n", []string{"q", "a", "r", "b"}},
		{"an empty answer between tokens", marked,
			"user: q\nBot: \nuser: r\nBot:⟦ b⟧\n", []string{"q", "", "r", "b"}},
		{"an empty answer within a token", `{% for m in messages %}{% if m.role == 'assistant' %}Bot:{% generation %}` +
			`{{ m.content }}{% endgeneration %}{{ '\n' }}{% else %}{{ m.content }} {% endif %}{% endfor %}`,
			"q Bot⟦:\n⟧r Bot:⟦b⟧\n", []string{"q", "", "r", "b"}},
		{"empty answers alone", `{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}A` +
			`{% generation %}{{ m.content }}{% endgeneration %} B{% endif %}{% endfor %}`, "qA B", []string{"q", ""}},
		{"a span at the start and the end", `{% generation %}{{ messages[1].content }}{% endgeneration %}: ` +
			`{{ messages[0].content }}{% generation %} end{% endgeneration %}`, "⟦a⟧: q⟦ end⟧", []string{"q", "a"}},
		{"neighbouring spans", `{{ messages[0].content }}{% generation %}{{ messages[1].content }}{% endgeneration %}` +
			`{% generation %}b{% endgeneration %}`, "q⟦. ab⟧", []string{"q", ". a"}},
		{"whitespace control", `{{ messages[0].content }}
{%- generation -%}   {{ messages[1].content }}   {%- endgeneration -%}   x`, "⟦qa⟧⟦x⟧", []string{"q", "a"}},
		{"in a macro and a loop", `{% macro say(m) %}{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}` +
			`{% for m in messages %}{{ m.content if m.role == 'user' else ': ' ~ say(m) }}{% endfor %}`,
			"q:⟦ a⟧", []string{"q", "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, strings.ReplaceAll(c.want, "⟧⟦", ""), learnedBy(t, c.template, datatest.Talk(c.turns...)))
		})
	}
}

const plainTemplate = `{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`

// TRL 1.16 learns what follows the prompt, up to the end of the text.
func TestCompletionsAreLearnedWithoutTheirPrompt(t *testing.T) {
	for _, c := range []struct {
		name, template, want string
		given                int
		turns                []string
	}{
		{"the prompt has an answer", plainTemplate,
			"user: q</s>\nassistant: a</s>\nuser: r</s>\nassistant:⟦ Then wait</s>\n⟧", 3,
			[]string{"q", "a", "r", "Then wait"}},
		{"generation tags do not matter", marked,
			"user: q\nBot: a\nuser: r\nBot:⟦ b\n⟧", 3, []string{"q", "a", "r", "b"}},
		{"a completion of three messages", plainTemplate,
			"user: q</s>\nassistant:⟦ a</s>⟧\nuser: r</s>\nassistant:⟦ b</s>⟧\n", 1, []string{"q", "a", "r", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			talk := datatest.Talk(c.turns...)
			talk.Given = c.given
			require.Equal(t, c.want, learnedBy(t, c.template, talk))
		})
	}
}

// A part of a record of prompt and completion may lie in the prompt alone, or begin behind it.
func TestPartsOfCompletionsAreLearnedWithoutTheirPrompt(t *testing.T) {
	for given, want := range map[int]string{
		7: "user: a</s>\nassistant: b</s>\n|user: c</s>\nassistant: d</s>\n|" +
			"user: e</s>\nassistant: f</s>\n|user: g</s>\nassistant:⟦ h</s>\n⟧",
		3: "user: a</s>\nassistant: b</s>\n|user: c</s>\nassistant:⟦ d</s>\n⟧|" +
			"user: e</s>\nassistant:⟦ f</s>\n⟧|user: g</s>\nassistant:⟦ h</s>\n⟧",
	} {
		words := datatest.NewWords()
		r, err := chattemplate.Recipe("t.jinja", chattemplate.Templates{Default: plainTemplate}, words)
		require.NoError(t, err)
		talk := datatest.Talk("a", "b", "c", "d", "e", "f", "g", "h")
		talk.Turns, talk.Given = slices.Clip(talk.Turns), given
		r.Restrict(&talk, "")
		fitted, err := encode.New(words, r).Fit(talk, 16, "split")
		require.NoError(t, err)
		var parts []string
		for _, e := range fitted.Examples {
			parts = append(parts, words.Shown(e))
		}
		require.Equal(t, want, strings.Join(parts, "|"), "%d messages of prompt", given)
	}
}

// Where the last answer alone is learned, its round is the last to be cut, whichever tokens cross its edges.
func TestTheLastRoundOfACompletionIsKept(t *testing.T) {
	words := datatest.NewWords()
	r, err := chattemplate.Recipe("t.jinja", chattemplate.Templates{Default: plainTemplate}, words)
	require.NoError(t, err)
	talk := datatest.Talk("q", "the mat", "r", "Under the mat")
	talk.Given = 3
	r.Restrict(&talk, "")
	fitted, err := encode.New(words, r).Fit(talk, 12, "proportional")
	require.NoError(t, err)
	require.Equal(t, "\nuser: r</s>\nassistant⟦ Under the mat</s>\n⟧", words.Shown(fitted.Examples[0]))
}
