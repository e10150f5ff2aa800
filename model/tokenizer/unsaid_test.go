package tokenizer

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatGGUFCannotSayIsListed(t *testing.T) {
	no := false
	model, err := os.ReadFile("../../internal/builtin/files/tokenizer.model")
	require.NoError(t, err)
	base, err := os.ReadFile("testdata/gpt2.json")
	require.NoError(t, err)
	changed := func(key string, value any) []byte {
		var f map[string]any
		require.NoError(t, json.Unmarshal(base, &f))
		f["normalizer"], f["added_tokens"] = nil, []any{}
		f[key] = value
		text, err := json.Marshal(f)
		require.NoError(t, err)
		return text
	}
	token := func(flag string) []any {
		return []any{map[string]any{"id": 5000, "content": "<new>", "special": true, flag: true}}
	}
	for _, c := range []struct {
		reason string
		text   []byte
		beside side
		want   []string
	}{
		{"nothing", changed("version", "1.0"), side{}, nil},
		{"lstrip", changed("added_tokens", token("lstrip")), side{}, []string{`(lstrip, rstrip): ["<new>"]`}},
		{"rstrip", changed("added_tokens", token("rstrip")), side{}, []string{`(lstrip, rstrip): ["<new>"]`}},
		{"words", changed("added_tokens", token("single_word")), side{}, []string{`(single_word): ["<new>"]`}},
		{"NFC", changed("normalizer", map[string]any{"type": "NFC"}), side{}, []string{"normalized (NFC)"}},
		{"legacy", model, side{}, nil},
		{"legacy false", model, side{sideConfig: sideConfig{Legacy: &no}}, []string{"at the beginning of a text alone"}},
	} {
		tok, err := parse(c.text, c.beside)
		require.NoError(t, err, c.reason)
		got := tok.Unsaid()
		require.Len(t, got, len(c.want), "%s: %q", c.reason, got)
		for i, want := range c.want {
			require.Contains(t, got[i], want, c.reason)
		}
	}
	require.Contains(t, (&Tokenizer{collapse: true}).Unsaid()[0], "remove_extra_whitespaces")
}

// The side file of a tokenizer.model turns the leading space off, and the GGUF file says so.
func TestALeadingSpaceThatSideFilesTurnOffStaysOff(t *testing.T) {
	no := false
	model, err := os.ReadFile("../../internal/builtin/files/tokenizer.model")
	require.NoError(t, err)
	tok, err := parse(model, side{sideConfig: sideConfig{PrefixSpace: &no}})
	require.NoError(t, err)
	again, keys := reread(t, tok, 0)
	require.Equal(t, false, keys["tokenizer.ggml.add_space_prefix"])
	require.Equal(t, tok.Encode("the hill"), again.Encode("the hill"))
	files, err := tok.Files()
	require.NoError(t, err)
	require.True(t, strings.Contains(string(files["tokenizer_config.json"]), `"add_prefix_space": false`))
}
