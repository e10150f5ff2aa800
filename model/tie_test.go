package model_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

const (
	embedding = "model.embed_tokens.weight"
	head      = "lm_head.weight"
)

// rewrite replaces the tensors and metadata of a model's file, and keys of its config.json.
func rewrite(
	t *testing.T, dir string, keys map[string]any, metadata map[string]string, change func(map[string]checkpoint.Tensor),
) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	tensors := map[string]checkpoint.Tensor{}
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		tensor.Data = slices.Clone(tensor.Data)
		tensors[name] = tensor
	}
	require.NoError(t, f.Close())
	change(tensors)
	var list []checkpoint.Tensor
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		tensor := tensors[name]
		tensor.Name = name
		list = append(list, tensor)
	}
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(out, list, metadata))
	require.NoError(t, out.Close())

	path = filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(text, &config))
	maps.Copy(config, keys)
	text, err = json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
}

func TestSharedEmbeddingsAreTheTensorThatIsThere(t *testing.T) {
	tokens, _ := sequences(40, 9)
	logits := func(dir string) []float32 {
		m, err := model.Load(dir, ref.New())
		require.NoError(t, err)
		out, err := m.Logits(model.Pack(tokens, nil), []int{8})
		require.NoError(t, err)
		return out
	}
	type tensors = map[string]checkpoint.Tensor
	move := func(x tensors) { x[head] = x[embedding]; delete(x, embedding) }
	keep := func(tensors) {}
	tied, untied := map[string]any{"tie_word_embeddings": true}, map[string]any{"tie_word_embeddings": false}
	for _, c := range []struct {
		reason   string
		from     tinymodel.Config
		keys     map[string]any
		metadata map[string]string
		change   func(tensors)
		want     tinymodel.Config
	}{
		{"the head alone", tinymodel.Config{Tied: true}, tied, nil, move, tinymodel.Config{Tied: true}},
		{"the head alone, and safetensors' note", tinymodel.Config{Tied: true}, untied,
			map[string]string{"format": "pt", embedding: head}, move, tinymodel.Config{Tied: true}},
		{"both, equal", tinymodel.Config{Tied: true}, tied, nil, func(x tensors) { x[head] = x[embedding] },
			tinymodel.Config{Tied: true}},
		{"both, and they differ", tinymodel.Config{}, tied, nil, keep, tinymodel.Config{}},
		{"the embedding alone, and a config that unties them", tinymodel.Config{Tied: true}, untied, nil, keep,
			tinymodel.Config{Tied: true}},
		{"a note about a tensor that is there", tinymodel.Config{}, nil, map[string]string{embedding: head}, keep,
			tinymodel.Config{}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			want, dir := t.TempDir(), t.TempDir()
			require.NoError(t, tinymodel.Write(want, c.want, 1))
			require.NoError(t, tinymodel.Write(dir, c.from, 1))
			rewrite(t, dir, c.keys, c.metadata, c.change)
			require.Equal(t, logits(want), logits(dir))
		})
	}
}

func TestAnEmbeddingThatNothingReplacesIsMissing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 1))
	rewrite(t, dir, nil, nil, func(x map[string]checkpoint.Tensor) { delete(x, embedding) })
	_, err := model.Load(dir, ref.New())
	require.ErrorContains(t, err, "tensor model.embed_tokens.weight is missing")
}
