package chat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint/gguf"
	"fettle/model/chat"
)

// A directory's own template comes first; a GGUF file has no settings of generation.
func TestGGUFFilesHaveTemplates(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, keys ...gguf.Key) string {
		path := filepath.Join(dir, name)
		require.NoError(t, gguf.Write(path, keys, nil))
		return path
	}
	both := write("both.gguf", gguf.Key{Name: "tokenizer.chat_template", Value: "plain"},
		gguf.Key{Name: "tokenizer.chat_template.tool_use", Value: "tools"})
	tools := write("tools.gguf", gguf.Key{Name: "tokenizer.chat_template.tool_use", Value: "tools"})
	none := write("none.gguf", gguf.Key{Name: "tokenizer.chat_template", Value: uint32(3)})

	got, err := chat.ReadTemplate("", both)
	require.NoError(t, err)
	require.Equal(t, []string{"plain", "tools", both}, []string{got.Default, got.ToolUse, got.Path})
	require.Equal(t, "plain", string(got.Files()["chat_template.jinja"]))
	got, err = chat.ReadTemplate(none, tools)
	require.NoError(t, err)
	require.Equal(t, []string{"tools", "tools"}, []string{got.Default, got.ToolUse})

	own := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(own, "chat_template.jinja"), []byte("own"), 0o644))
	got, err = chat.ReadTemplate(own, both)
	require.NoError(t, err)
	require.Equal(t, "own", got.Default)

	broken := filepath.Join(dir, "broken.gguf")
	require.NoError(t, os.WriteFile(broken, []byte("GGUF\x03"), 0o644))
	_, err = chat.ReadTemplate(broken)
	require.ErrorContains(t, err, "read chat template")

	g, err := chat.ReadGeneration(both, own)
	require.NoError(t, err)
	require.Empty(t, g.Path)
}
