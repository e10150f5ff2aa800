package jinja_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/jinja"
)

// render renders a template without errors.
func render(t testing.TB, source string, vars map[string]any) jinja.Text {
	tmpl, err := jinja.Parse(source)
	require.NoError(t, err)
	out, err := tmpl.Render(vars)
	require.NoError(t, err)
	return out
}

// marked returns a text with «» around the text of author 1, ‹› around the output for item 5, and ⟦⟧ around generated
// text.
func marked(t jinja.Text) string {
	var b strings.Builder
	at := 0
	for _, r := range t.Runs() {
		s := t.String()[at:r.End]
		at = r.End
		if r.From == 1 {
			s = "«" + s + "»"
		}
		if r.Within == 5 {
			s = "‹" + s + "›"
		}
		if r.Generated {
			s = "⟦" + s + "⟧"
		}
		b.WriteString(s)
	}
	return b.String()
}

// Whatever a template does to a text, each byte stays its writer's.
func TestTextsRememberTheirWriter(t *testing.T) {
	for source, want := range map[string]string{
		`a{{ x }}b`:                                      "a« Us er »b",
		`{{ x | trim }}`:                                 "«Us er»",
		`{{ '<' + x.strip() + '>' }}`:                    "<«Us er»>",
		`{{ x.split(' ') | join('-') }}`:                 "-«Us»-«er»-",
		`{{ x.replace('s', 'S') }}`:                      "« U»S« er »",
		`{{ 'xyz'.replace('y', x) }}`:                    "x« Us er »z",
		`{{ x | upper }}{{ x[1:3] }}{{ x[1] }}`:          "« US ER UsU»",
		`{{ [x, 'b'] }}`:                                 "['« Us er »', 'b']",
		`{{ {x: 1} | tojson }}`:                          `{"« Us er »": 1}`,
		`{{ [x] | tojson(indent=1) }}`:                   "[\n \"« Us er »\"\n]",
		`{{ x | indent(2, true) }}`:                      "  « Us er »",
		`{% set y %}({{ x }}){% endset %}{{ y ~ y[0] }}`: "(« Us er »)(",
		`{% macro m(v) %}[{{ v }}]{% endmacro %}{{ m(x) | replace('[', '{') }}`:     "{« Us er »]",
		`{{ '%s!' % x }}{{ '{}?'.format(x) }}{{ x * 2 }}`:                           "« Us er »!« Us er »?« Us er  Us er »",
		`{{ '<'|safe + x + quote }}`:                                                "<« Us er &lt;»",
		`{{ x | reverse }}{{ x | list | first }}{{ x | title }}`:                    "« re sU   Us Er »",
		`{{ x.partition('s')[2] }}{{ x | default('d') }}{{ nothing | default(x) }}`: "« er  Us er  Us er »",
	} {
		t.Run(source, func(t *testing.T) {
			require.Equal(t, want, marked(render(t, source,
				map[string]any{"x": jinja.NewText(" Us er ", 1), "quote": jinja.NewText("<", 1)})))
		})
	}
}

// What a loop prints for a marked item is the item's, also in macros and in
// inner loops; what is put aside and printed later is of where it was made.
func TestLoopsMarkWhatTheyPrint(t *testing.T) {
	item := jinja.NewDict()
	item.ID = 5
	item.Set("s", "x")
	other := jinja.NewDict()
	other.ID = 6
	vars := map[string]any{"items": jinja.NewList(jinja.NewDict(), item), "others": jinja.NewList(other)}
	for source, want := range map[string]string{
		`({% for i in items %}[{{ i.s }}]{% endfor %})`:                                                "([]‹[x]›)",
		`{% macro m(i) %}<{{ i.s }}>{% endmacro %}{% for i in items[1:] %}{{ m(i) }}{% endfor %}`:      "‹<x>›",
		`{% for i in items %}{% for j in [1, 2] %}{{ j }}{% endfor %}.{% endfor %}`:                    "12.‹12.›",
		`{% set ns = namespace(s='') %}{% for i in items %}{% set ns.s = i.s %}{% endfor %}{{ ns.s }}`: "x",
		`{% for i in items[1:] %}{% for j in others %}[]{% endfor %}.{% endfor %}`:                     "‹[].›",
		`{% for i in items if i.s %}{% generation %}a{% endgeneration %}b{% endfor %}`:                 "⟦‹a›⟧‹b›",
		`{% generation %}a{% filter upper %}b{% endfilter %}{% endgeneration %}c`:                      "⟦aB⟧c",
	} {
		t.Run(source, func(t *testing.T) { require.Equal(t, want, marked(render(t, source, vars))) })
	}
}

// In every template, a text that a user wrote is nowhere taken for the
// template's.
func TestNoTemplateTakesUsersTextForItsOwn(t *testing.T) {
	templates(t, func(t *testing.T, g golden, i int, source string) {
		tmpl, err := jinja.Parse(source)
		require.NoError(t, err)
		for name, conversation := range g.Conversations {
			vars := variables(t, string(conversation), 7)
			vars["bos_token"], vars["eos_token"], vars["add_generation_prompt"] = "", "", true
			out, err := tmpl.Render(vars)
			if err != nil {
				continue
			}
			at := 0
			var own strings.Builder
			for _, r := range out.Runs() {
				if r.From == 0 {
					own.WriteString(out.String()[at:r.End])
				}
				own.WriteByte(0)
				at = r.End
			}
			for _, theirs := range []string{"Blue.", "Name a color", "is a token", "Be brief", "Because", "Zürich", "weather",
				"Tells the", "noon", "kind. "} {
				require.NotContains(t, own.String(), theirs, name)
			}
		}
	})
}
