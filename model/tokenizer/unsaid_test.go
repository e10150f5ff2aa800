package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
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

// SentencePiece takes user-defined pieces out of a text, llama.cpp merges to them.
func TestUserDefinedPiecesOfSentencePieceAreUnsaid(t *testing.T) {
	tok, err := parseGGUF(spmKeys())
	require.NoError(t, err)
	m := sentencePiece{pieces: slices.Clone(tok.spm.pieces), unk: 0, bos: 1, eos: 2}
	m.pieces[len(m.pieces)-1].kind = normal // <t>
	m.pieces[262].kind = userDefined        // ab
	m.pieces[263] = piece{name: "ca", text: "ca", kind: normal}
	m.pieces = append(m.pieces, piece{name: "c", text: "c", kind: normal, score: -1000})
	tok, err = m.tokenizer(nil, side{})
	require.NoError(t, err)
	again, _ := reread(t, tok, 0)
	require.NotEqual(t, tok.Encode("cab"), again.Encode("cab"))
	require.Equal(t, []string{`a user-defined piece is taken out of a text before others merge: ["ab"]`}, tok.Unsaid())
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
