package jinja_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/jinja"
)

// A template that nobody has looked at costs no more than it may.
func TestHostileTemplatesEnd(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"recursion": {`{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}`, "calls itself more than"},
		"recursive caller": {`{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}`,
			"calls itself more than"},
		"endless loops": {`{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}`,
			"it takes too long"},
		"a huge range": {`{{ range(10 ** 9) }}`, "range of more than"},
		"a huge text":  {`{{ 'x' * 10 ** 9 }}`, "beyond 8 MiB"},
		"doubling": {`{% set n = namespace(s='xxxxxxxx') %}{% for i in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}`,
			"it takes too long"},
		"doubling lists": {`{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}`,
			"it takes too long"},
		"a huge output":  {`{% set s = 'x' * 1000 %}{% for i in range(99999) %}{{ s }}{% endfor %}`, "beyond 8 MiB"},
		"much replacing": {`{{ ('a' * 9000).replace('a', 'a' * 9000) }}`, "beyond 8 MiB"},
		"much joining":   {`{{ ('a' * 9000) | list | join('b' * 9000) }}`, "it takes too long"},
		"wide indent":    {`{{ ('a\n' * 9000) | indent(99999) }}`, "it takes too long"},
		"nested values": {`{% set n = namespace(s=[]) %}{% for i in range(99999) %}{% set n.s = [n.s] %}` +
			`{% endfor %}{{ n.s }}`,
			"nested too deep"},
		"nested mappings": {`{% set n = namespace(s={}) %}{% for i in range(99999) %}{% set n.s = {'a': n.s} %}` +
			`{% endfor %}{{ n.s | tojson }}`,
			"nested too deep"},
		"nested brackets":    {"{{ " + strings.Repeat("(", 9999) + strings.Repeat(")", 9999) + " }}", "nested more than"},
		"nested blocks":      {strings.Repeat("{% if 1 %}", 9999), "nested more than"},
		"many nots":          {"{{ " + strings.Repeat("not ", 9999) + "1 }}", "nested more than"},
		"many minus signs":   {"{{ " + strings.Repeat("- ", 9999) + "1 }}", "nested more than"},
		"a huge template":    {strings.Repeat("x", 1<<20), "at most"},
		"a huge number":      {`{{ 2 ** 99 }}`, "beyond 2⁵³"},
		"an endless power":   {`{{ 9 ** 9 ** 9 ** 9 }}`, "beyond 2⁵³"},
		"other files":        {`{% include '/etc/passwd' %}`, "may not"},
		"changed values":     {`{{ messages.append(1) }}`, "may not"},
		"Python's insides":   {`{{ ''.__class__.__mro__ }}`, "undefined"},
		"a slice step of 0":  {`{{ 'abc'[::0] }}`, "step is 0"},
		"batch by 0":         {`{{ [1] | batch(0) | list }}`, "batch by 0"},
		"divisible by 0":     {`{{ 1 is divisibleby 0 }}`, "divisibleby"},
		"break out of loops": {`{% break %}`, "outside a loop"},
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := jinja.Parse(c.source)
			if err == nil {
				_, err = tmpl.Render(map[string]any{"messages": jinja.NewList()})
			}
			require.ErrorContains(t, err, c.want)
			var found *jinja.Error
			require.ErrorAs(t, err, &found)
			require.Equal(t, strings.Contains(c.want, "too long") || strings.Contains(c.want, "MiB"), found.Costly)
		})
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for source, want := range map[string]string{
		"a\nb {{ 1 +\n }}": `line 3: unexpected "}}"`,
		"a\n\n{% if x %}":  `line 3: unexpected end of the template, want {% endif %}`,
		"\n\n{{ x.y.z }}":  "line 3: x is undefined, and has no y",
		"{% macro f() %}\n{{ 1 + none }}\n{% endmacro %}\n{{ f() }}": "line 2: there is no + of a int and a None",
		"{% if true %}\n\n{{ raise_exception('only system first') }}{% endif %}"://
		"line 3: the template says: only system first",
		"\n{{ 'a\nb' }}{{ '' | nosuch }}": `line 3: no filter is called "nosuch"`,
	} {
		t.Run(source, func(t *testing.T) {
			tmpl, err := jinja.Parse(source)
			if err == nil {
				_, err = tmpl.Render(nil)
			}
			require.EqualError(t, err, want)
		})
	}
}

// No template makes the program fail, and every rendering's marks cover it.
func FuzzTemplates(f *testing.F) {
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(f, err)
	var g golden
	require.NoError(f, json.Unmarshal(text, &g))
	for _, s := range g.Snippets {
		f.Add(s.Source)
	}
	for _, name := range []string{"headers", "generation", "thinking", "inst"} {
		source, err := os.ReadFile("testdata/" + name + ".jinja")
		require.NoError(f, err)
		f.Add(string(source))
	}
	f.Fuzz(func(t *testing.T, source string) {
		defer budget.Of(t, len(source))()
		tmpl, err := jinja.Parse(source)
		if err != nil {
			return
		}
		message := jinja.NewDict()
		message.Set("role", "user")
		message.Set("content", jinja.NewText(" a é\n", 1))
		out, err := tmpl.Render(map[string]any{
			"messages": jinja.NewList(message, message), "numbers": jinja.NewList(3, 1, 2), "mapping": message,
			"words": jinja.NewList("b", "a"), "text": "  x  ", "nothing": nil,
		})
		if err != nil {
			return
		}
		at := 0
		for _, r := range out.Runs() {
			require.Greater(t, r.End, at)
			at = r.End
		}
		require.Equal(t, len(out.String()), at)
	})
}
