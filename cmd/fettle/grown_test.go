package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/tinymodel"
	"fettle/model/serve"
	"fettle/model/tokenizer"
)

// grow gives an adapter a token <|new|>, as transformers and PEFT save it: a tokenizer with the token, and an embedding
// and a head with its row.
func grow(t testing.TB, dir, base string) {
	const width = 16
	f, err := safetensors.Open(filepath.Join(dir, adapter.WeightsFile))
	require.NoError(t, err)
	var tensors []checkpoint.Tensor
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		values, err := checkpoint.Float32s(tensor)
		require.NoError(t, err)
		tensors = append(tensors, checkpoint.FromFloat32s(name, tensor.Shape, values))
	}
	require.NoError(t, f.Close())
	weights, err := safetensors.Open(filepath.Join(base, "model.safetensors"))
	require.NoError(t, err)
	for _, name := range []string{"model.embed_tokens.weight", "lm_head.weight"} {
		tensor, ok := weights.Tensor(name)
		require.True(t, ok, name)
		values, err := checkpoint.Float32s(tensor)
		require.NoError(t, err)
		row := make([]float32, width)
		for i := range row {
			row[i] = float32(i%3) - 1
		}
		tensors = append(tensors, checkpoint.FromFloat32s("base_model.model."+name,
			[]int{tensor.Shape[0] + 1, width}, append(append([]float32{}, values...), row...)))
	}
	require.NoError(t, weights.Close())
	out, err := os.Create(filepath.Join(dir, adapter.WeightsFile))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(out, tensors, map[string]string{"format": "pt"}))
	require.NoError(t, out.Close())
	text, err := os.ReadFile(filepath.Join(base, "tokenizer.model"))
	require.NoError(t, err)
	write(t, dir, "tokenizer.model", string(text))
	write(t, dir, "added_tokens.json", `{"<|new|>": 286}`)
}

// An adapter that was trained with new tokens answers, is served and is trained on with its own tokenizer.
func TestAnAdaptersNewTokensAreRead(t *testing.T) {
	require.Equal(t, 286, tinymodel.TokenizerSize)
	base := tiny(t, tinymodel.Config{})
	dir := asPEFT(t, base, base)
	grow(t, dir, base)
	m, err := source{Adapter: dir, Compute: "f32"}.open()
	require.NoError(t, err)
	id, ok := m.Tokenizer.ID("<|new|>")
	require.True(t, ok)
	require.EqualValues(t, 286, id)
	require.Equal(t, 287, m.Weights.Config().Vocab)

	e := served(t, source{Model: base, Adapter: dir, Compute: "f32"})
	limit := 3
	for i, name := range e.Models() {
		_, err := e.Answer(t.Context(), serve.Request{Model: name, Tokens: []int32{1, 286, 286}, MaxTokens: &limit},
			func(string) error { return nil })
		require.Equal(t, i == 0, err == nil, "%s: %v: the base has no such token", name, err)
		_, err = e.Answer(t.Context(), serve.Request{Model: name, Prompt: "ab", MaxTokens: &limit},
			func(string) error { return nil })
		require.NoError(t, err)
	}

	next := filepath.Join(t.TempDir(), "next")
	set := file(t, "rows.jsonl", `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}`)
	template := file(t, "new.jinja", "{% for m in messages %}<|new|>{{ m.content }}{{ eos_token }}{% endfor %}"+
		"{% if add_generation_prompt %}<|new|>{% endif %}")
	must(t, "train", "--adapter_name_or_path", dir, "--dataset", set, "--recipe", template, "--val_size", "0",
		"--max_steps", "2", "--allow", "identical-answers,end-not-learned", "--output_dir", next)
	tok, err := tokenizer.Load(next)
	require.NoError(t, err)
	_, ok = tok.ID("<|new|>")
	require.True(t, ok)
	must(t, "generate", "--adapter_name_or_path", next, "--prompt", "a", "--temperature", "0", "--max_new_tokens", "3")
}
