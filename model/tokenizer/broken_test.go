package tokenizer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model/tokenizer"
)

func TestBrokenFilesAreExplainedWithoutGo(t *testing.T) {
	good := t.TempDir()
	require.NoError(t, tinymodel.WriteByteLevelTokenizer(good))
	text, err := os.ReadFile(filepath.Join(good, "tokenizer.json"))
	require.NoError(t, err)
	for _, c := range []struct{ reason, file, text, want string }{
		{"cut off", "tokenizer.json", string(text[:len(text)/2]), "no JSON object, or a part of one: download it again"},
		{"an id beyond 32 bits", "tokenizer.json", `{"model": {"vocab": {"a": 1099511627776}}}`, "want a whole number"},
		{"numbers for pieces", "tokenizer.json", strings.Replace(string(text), `["Ġ","s"]`, "[1,2]", 1), "want a text"},
		{"no id", "tokenizer_config.json", `{"added_tokens_decoder": {"99999999999": {"content": "x"}}}`,
			`added token "99999999999": want a token id`},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), text, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644))
		_, err := tokenizer.Load(dir)
		require.ErrorContains(t, err, c.want, c.reason)
		require.NotRegexp(t, "Go [a-z]|strconv|unmarshal|proto", err.Error(), c.reason)
	}
	require.NoError(t, os.WriteFile(filepath.Join(good, "tokenizer.json"), append([]byte("\xef\xbb\xbf"), text...), 0o644))
	_, err = tokenizer.Load(good)
	require.NoError(t, err, "a byte order mark")
}
