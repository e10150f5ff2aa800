package chat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint/gguf"
	"fettle/model/chat"
)

// A directory's own template comes first. Settings of generation are keys of GGUF files too.
func TestGGUFFilesHaveTemplatesAndSettings(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, keys ...gguf.Key) string {
		path := filepath.Join(dir, name)
		require.NoError(t, gguf.Write(path, keys, nil))
		return path
	}
	both := write("both.gguf", gguf.Key{Name: "tokenizer.chat_template", Value: "plain"},
		gguf.Key{Name: "tokenizer.chat_template.tool_use", Value: "tools"})
	tools := write("tools.gguf", gguf.Key{Name: "tokenizer.chat_template.tool_use", Value: "tools"})
	none := write("none.gguf", gguf.Key{Name: "tokenizer.ggml.model", Value: "llama"})
	number := write("number.gguf", gguf.Key{Name: "tokenizer.chat_template", Value: uint32(3)})
	rag := write("rag.gguf", gguf.Key{Name: "tokenizer.chat_template.rag", Value: "rag"})
	sampled := write("sampled.gguf", gguf.Key{Name: "general.sampling.temp", Value: float32(0.2)},
		gguf.Key{Name: "general.sampling.top_k", Value: int32(7)},
		gguf.Key{Name: "general.sampling.mirostat", Value: int32(2)})
	wrong := write("wrong.gguf", gguf.Key{Name: "general.sampling.top_k", Value: "x"})

	got, err := chat.ReadTemplate("", both)
	require.NoError(t, err)
	require.Equal(t, []string{"plain", "tools", both}, []string{got.Default, got.ToolUse, got.Path})
	require.Equal(t, "plain", string(got.Files()["chat_template.jinja"]))
	again, err := chat.ReadTemplate(write("again.gguf", got.GGUF()...))
	require.NoError(t, err)
	require.Equal(t, got.Templates, again.Templates)
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
	require.ErrorContains(t, err, "read "+broken)
	_, err = chat.ReadTemplate(number)
	require.ErrorContains(t, err, "tokenizer.chat_template is no text")
	_, err = chat.ReadTemplate(rag)
	require.ErrorContains(t, err, "tokenizer.chat_template is not among them")

	g, err := chat.ReadGeneration(both, own)
	require.NoError(t, err)
	require.Empty(t, g.Path)
	g, err = chat.ReadGeneration(both, sampled)
	require.NoError(t, err)
	require.Equal(t, sampled, g.Path)
	require.Equal(t, 0.2, *g.Temperature)
	require.Equal(t, 7, *g.TopK)
	require.Nil(t, g.TopP)
	require.Equal(t, []string{"mirostat: 2"}, g.Unsupported())
	_, err = chat.ReadGeneration(wrong)
	require.ErrorContains(t, err, "general.sampling.…")
}

func TestSettingsOfGenerationGoToGGUFAndBack(t *testing.T) {
	dir := t.TempDir()
	text := `{"do_sample": %s, "temperature": 0.6, "top_k": 30, "top_p": 0.9, "min_p": null, "repetition_penalty": 1.1,
		"suppress_tokens": [7, 9]}`
	for sample, want := range map[string]float32{"true": 0.6, "false": 0} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, chat.GenerationFile), fmt.Appendf(nil, text, sample), 0o644))
		g, err := chat.ReadGeneration(dir)
		require.NoError(t, err)
		keys := g.GGUF()
		require.Equal(t, []gguf.Key{{Name: "general.sampling.top_k", Value: int32(30)},
			{Name: "general.sampling.top_p", Value: float32(0.9)}, {Name: "general.sampling.temp", Value: want},
			{Name: "general.sampling.penalty_repeat", Value: float32(1.1)},
			{Name: "tokenizer.ggml.suppress_tokens", Value: []int32{7, 9}}}, keys)
		path := filepath.Join(t.TempDir(), "x.gguf")
		require.NoError(t, gguf.Write(path, keys, nil))
		back, err := chat.ReadGeneration(path)
		require.NoError(t, err)
		require.Equal(t, sample == "true", *back.Sample, "what transformers wants beside a temperature")
		require.Equal(t, []any{*g.TopK, *g.TopP, *g.Repetition, g.Suppressed},
			[]any{*back.TopK, *back.TopP, *back.Repetition, back.Suppressed})
	}
}
