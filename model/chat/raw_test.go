package chat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/chat"
	"fettle/model/tokenizer"
)

// A raw prompt has what the tokenizer puts before a text and nothing behind it, and one token of text is a text too.
func TestRawPromptsBeginAsTheTokenizerBeginsTexts(t *testing.T) {
	vocabulary, err := os.ReadFile(filepath.Join("..", "..", "internal", "builtin", "files", "tokenizer.model"))
	require.NoError(t, err)
	for config, want := range map[string][]int32{
		`{}`:                       {1},
		`{"add_eos_token": true}`:  {1},
		`{"add_bos_token": false}`: {},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.model"), vocabulary, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(config), 0o644))
		tok, err := tokenizer.Load(dir)
		require.NoError(t, err)
		m := &chat.Model{Tokenizer: tok}
		require.Equal(t, append(want, tok.Encode("the sheep")...), m.Raw("the sheep"), config)
		require.False(t, m.Continues(m.Raw("")), config)
		require.True(t, m.Continues(m.Raw("the")), config)
	}
}
