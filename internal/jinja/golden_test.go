package jinja_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/jinja"
)

// golden holds renderings by Jinja 3.1.2, written by testdata/make.py.
type golden struct {
	Variables     map[string]string
	Conversations map[string]json.RawMessage
	Templates     []struct {
		Name       string
		Elsewhere  bool // among the reference material, not here
		SHA256     string
		Renderings []struct {
			Conversation string
			Prompt       bool
			rendering
		}
	}
	Snippets []struct {
		Source string
		rendering
	}
}

// rendering holds a text, the hash of one, or an error.
type rendering struct {
	Text, SHA256, Refused string
	Length                int
}

// generated returns a text with \x02 and \x03 around the output of {% generation %}, as make.py writes it.
func generated(t jinja.Text) string {
	var b strings.Builder
	at, on := 0, false
	for _, r := range t.Runs() {
		if r.Generated != on {
			b.WriteString(map[bool]string{true: "\x02", false: "\x03"}[r.Generated])
			on = r.Generated
		}
		b.WriteString(t.String()[at:r.End])
		at = r.End
	}
	if on {
		b.WriteString("\x03")
	}
	return b.String()
}

func (r rendering) check(t *testing.T, out jinja.Text, err error, what string) {
	t.Helper()
	got := generated(out)
	if r.Refused != "" {
		require.Error(t, err, "%s gave %q; Jinja says %s", what, got, r.Refused)
		return
	}
	require.NoError(t, err, what)
	if r.SHA256 == "" {
		require.Equal(t, r.Text, got, what)
		return
	}
	sum := sha256.Sum256([]byte(got))
	require.Equal(t, r.SHA256, hex.EncodeToString(sum[:]), "%s: %d bytes, want %d:\n%s", what, len(got), r.Length, got)
}

func readGolden(t *testing.T) golden {
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(text, &g))
	return g
}

// variables decodes a JSON object whose strings have the author from.
func variables(t *testing.T, text string, from int32) map[string]any {
	var raw map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &raw))
	vars := map[string]any{"strftime_now": clock()}
	for name, v := range raw {
		value, err := jinja.FromJSON(string(v), from)
		require.NoError(t, err)
		vars[name] = value
	}
	return vars
}

func clock() *jinja.Function {
	day := strings.NewReplacer("%d", "26", "%b", "Jul", "%B", "July", "%Y", "2024", "%m", "07", "%H", "12", "%M", "00",
		"%S", "00", "%A", "Friday", "%%", "%")
	return jinja.Clock(day.Replace)
}

func TestExpressionsEqualPythonsJinja(t *testing.T) {
	vars := func() map[string]any {
		return variables(t,
			`{"nothing": null, "text": "  Ein Text, «klein»  ", "words": ["b", "a", "C", "a"], "numbers": [3, 1, 2],
			"mapping": {"b": 1, "a": {"c": "x<y"}, "items": 7}, "half": 0.5, "yes": true,
			"people": [{"name": "Ann", "age": 3, "tags": ["x"]}, {"name": "Bob", "age": null}, {"name": "Cy", "age": 7}]}`, 7)
	}
	for _, s := range readGolden(t).Snippets {
		t.Run(s.Source, func(t *testing.T) {
			tmpl, err := jinja.Parse(s.Source)
			var got jinja.Text
			if err == nil {
				got, err = tmpl.Render(vars())
			}
			s.check(t, got, err, s.Source)
		})
	}
}

// templates calls f for each available template.
func templates(t *testing.T, f func(t *testing.T, g golden, i int, source string)) {
	g := readGolden(t)
	for i, entry := range g.Templates {
		t.Run(entry.Name, func(t *testing.T) {
			path := filepath.Join("testdata", entry.Name)
			if entry.Elsewhere {
				root := os.Getenv("FETTLE_DATA")
				if root == "" {
					root = "../../../shared"
				}
				path = filepath.Join(root, "data/tokenizers/chat_templates", entry.Name)
				if _, err := os.Stat(path); err != nil {
					t.Skip("no reference material: ", err)
				}
			}
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			sum := sha256.Sum256(source)
			require.Equal(t, entry.SHA256, hex.EncodeToString(sum[:]), "the golden file is of another %s: run make.py",
				entry.Name)
			f(t, g, i, string(source))
		})
	}
}

// Every rendering equals Jinja's, or is refused as there.
func TestChatTemplatesEqualPythonsJinja(t *testing.T) {
	equal, refused := 0, 0
	templates(t, func(t *testing.T, g golden, i int, source string) {
		tmpl, err := jinja.Parse(source)
		require.NoError(t, err)
		for _, want := range g.Templates[i].Renderings {
			vars := variables(t, string(g.Conversations[want.Conversation]), 7)
			for name, v := range g.Variables {
				vars[name] = v
			}
			vars["add_generation_prompt"] = want.Prompt
			got, err := tmpl.Render(vars)
			want.check(t, got, err, want.Conversation)
			if equal++; err != nil {
				equal, refused = equal-1, refused+1
			}
		}
	})
	t.Logf("%d renderings equal, %d refused by both", equal, refused)
}
