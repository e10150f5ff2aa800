package convert_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/model/convert"
)

// opened is a tiny model as it is, ready to be written.
func opened(t *testing.T, c tinymodel.Config) convert.Model {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, c, 7))
	return openedAt(t, dir)
}

// openedAt is a model in a directory or file as it is.
func openedAt(t *testing.T, path string) convert.Model {
	s, err := model.Open(path)
	require.NoError(t, err)
	m := convert.Model{Source: s, Config: s.Config}
	for _, tensor := range s.Tensors {
		m.Tensors = append(m.Tensors, checkpoint.Computed{Tensor: tensor})
	}
	return m
}

func TestUnknownKeysOfAConfigStay(t *testing.T) {
	c := &model.Config{Layers: 2, Vocab: 7, Tied: true}
	text := `{"zeta": [1, 2.50], "num_hidden_layers": 2, "vocab_size": 7,
  "rms_norm_eps": 1e-05, "tie_word_embeddings": true, "torch_dtype": "bfloat16"}`
	same, err := convert.Configured([]byte(text), c, checkpoint.BF16)
	require.NoError(t, err)
	require.Equal(t, text, string(same), "nothing changes")

	c.Layers, c.Vocab, c.Tied = 3, 8, false
	got, err := convert.Configured([]byte(text), c, checkpoint.F16)
	require.NoError(t, err)
	require.Equal(t, `{
  "zeta": [
    1,
    2.50
  ],
  "num_hidden_layers": 3,
  "vocab_size": 8,
  "rms_norm_eps": 1e-05,
  "tie_word_embeddings": false,
  "torch_dtype": "float16"
}
`, string(got))
	for before, after := range map[string]string{
		`"dtype": "bfloat16"`: `"dtype": "float32"`, `"dtype": null`: `"torch_dtype": "float32"`,
		`"dtype": "float32", "torch_dtype": "bfloat16"`: `"torch_dtype": "float32"`,
	} {
		got, err = convert.Configured([]byte(`{"num_hidden_layers": 3, "vocab_size": 8, `+before+`}`), c, checkpoint.F32)
		require.NoError(t, err)
		require.Contains(t, string(got), after)
	}
}

func TestConfigsOfRepeatedLayersSayHowTheyDiffer(t *testing.T) {
	for _, keys := range []string{
		`"model_type": "gemma2"`, `"model_type": "mistral"`,
		`"model_type": "gemma3_text", "sliding_window_pattern": 2`,
		`"model_type": "smollm3", "no_rope_layers": [1, 0, 1]`,
		`"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 1`,
		`"model_type": "qwen3", "use_sliding_window": true, "layer_types": ["sliding_attention", "full_attention",
			"full_attention"]`,
	} {
		text := []byte(`{"hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 8,
			"num_key_value_heads": 4, "vocab_size": 50, "sliding_window": 5, ` + keys + `}`)
		c, err := model.ParseConfig(text)
		require.NoError(t, err, keys)
		want := c.Repeated([]int{0, 1, 0, 1, 2})
		text, err = convert.Configured(text, want, "")
		require.NoError(t, err, keys)
		got, err := model.ParseConfig(text)
		require.NoError(t, err, keys)
		for l := range want.Layers {
			require.Equal(t, want.Window(l), got.Window(l), "%s: layer %d", keys, l)
			require.Equal(t, want.Rotation(l), got.Rotation(l), "%s: layer %d", keys, l)
		}
	}
}

func TestLargeModelsAreWrittenInShards(t *testing.T) {
	m := opened(t, tinymodel.Config{})
	for _, limit := range []int64{1, 3000, 1 << 20} {
		dir := t.TempDir()
		require.NoError(t, m.Directory(dir, convert.DirectoryOptions{ShardSize: limit}))
		files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
		require.NoError(t, err)
		switch limit {
		case 1:
			require.Len(t, files, len(m.Tensors))
		case 3000:
			require.Greater(t, len(files), 3)
			require.Less(t, len(files), len(m.Tensors))
		default:
			require.Equal(t, []string{filepath.Join(dir, "model.safetensors")}, files)
			require.NoFileExists(t, filepath.Join(dir, "model.safetensors.index.json"))
		}
		again, err := model.Open(dir)
		require.NoError(t, err)
		require.Len(t, again.Tensors, len(m.Tensors))
		for _, tensor := range m.Tensors {
			require.Equal(t, tensor.Data, again.Tensors[tensor.Name].Data)
		}
	}
}

func TestShardsOfPicklesGetTheNamesOfSafetensors(t *testing.T) {
	m := opened(t, tinymodel.Config{})
	where := map[string]string{}
	for _, tensor := range m.Tensors {
		where[tensor.Name] = "pytorch_model-00001-of-00002.bin"
		if strings.Contains(tensor.Name, "layers.1.") {
			where[tensor.Name] = "pytorch_model-00002-of-00002.bin"
		}
	}
	text, err := json.Marshal(map[string]any{"weight_map": where})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(m.Source.Path, "pytorch_model.bin.index.json"), text, 0o644))
	require.NoError(t, os.Remove(filepath.Join(m.Source.Path, "model.safetensors")))
	dir := t.TempDir()
	require.NoError(t, m.Directory(dir, convert.DirectoryOptions{ShardSize: 1}))
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	text, err = os.ReadFile(filepath.Join(dir, "model.safetensors.index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &index))
	require.Equal(t, "model-00001-of-00002.safetensors", index.Map["model.norm.weight"])
	require.Equal(t, "model-00002-of-00002.safetensors", index.Map["model.layers.1.mlp.up_proj.weight"])
}

func TestQuantizedWeightsNeedATypeToBeWrittenIn(t *testing.T) {
	m := opened(t, tinymodel.Config{})
	m.Tensors[0].Tensor = checkpoint.Tensor{Name: "q", Type: checkpoint.Q8_0, Shape: []int{1, 32}, Data: make([]byte, 34)}
	require.ErrorContains(t, m.Directory(t.TempDir(), convert.DirectoryOptions{}),
		"the weights are quantized (Q8_0), which this layout does not hold: choose one of float32, bfloat16, float16")
	require.NoError(t, m.Directory(t.TempDir(), convert.DirectoryOptions{DType: checkpoint.F16}))
}

func TestDirectoriesAreMadeWholeOrNotAtAll(t *testing.T) {
	around := t.TempDir()
	dir := filepath.Join(around, "deep", "out")
	write := func(text string, fail error) func(string) error {
		return func(temporary string) error {
			require.NoError(t, os.WriteFile(filepath.Join(temporary, "x"), []byte(text), 0o644))
			return fail
		}
	}
	disk := errors.New("no space left")
	require.ErrorIs(t, convert.NewDirectory(dir, false, write("half", disk)), disk)
	require.NoDirExists(t, dir)
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, convert.NewDirectory(dir, false, write("old", nil)), "an empty directory")
	require.Error(t, convert.NewDirectory(dir, false, write("new", nil)))
	require.ErrorIs(t, convert.NewDirectory(dir, true, write("half", disk)), disk)
	text, err := os.ReadFile(filepath.Join(dir, "x"))
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
	require.NoError(t, convert.NewDirectory(dir, true, write("new", nil)))
	text, err = os.ReadFile(filepath.Join(dir, "x"))
	require.NoError(t, err)
	require.Equal(t, "new", string(text))
	entries, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestCertificatesMeasureTheDifference(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	load := func(seed uint64) func() (*model.Model, error) {
		return func() (*model.Model, error) {
			c, err := model.ReadConfig(dir)
			require.NoError(t, err)
			return model.Drawn(c, seed, 0.5, ref.New())
		}
	}
	m, err := load(1)()
	require.NoError(t, err)
	tokens := make([]int32, 150)
	for i := range tokens {
		tokens[i] = int32(i*i) % 40
	}
	s := convert.NewSample("text", "words", []int32{1}, tokens, m.Config())
	require.Len(t, s.Sequences, 3, "of the model's 64 positions")
	same, err := convert.Certify(s, load(1), load(1))
	require.NoError(t, err)
	require.Equal(t, 150, same.Tokens)
	require.Equal(t, [3]float64{0, 0, 1}, [3]float64{same.MaxDifference, same.KL, same.Top1})
	require.Equal(t, same.PerplexityBefore, same.PerplexityAfter)
	nll, err := m.Loss(model.Pack(s.Sequences, s.Sequences))
	require.NoError(t, err)
	require.InEpsilon(t, math.Exp((nll[0]+nll[1]+nll[2])/150), same.PerplexityBefore, 1e-5)

	other, err := convert.Certify(s, load(1), load(2))
	require.NoError(t, err)
	require.Greater(t, other.MaxDifference, 0.1)
	require.Greater(t, other.KL, 0.01)
	require.Less(t, other.Top1, 0.9)
	require.Equal(t, same.PerplexityBefore, other.PerplexityBefore)
	again, err := convert.Certify(s, load(1), load(2))
	require.NoError(t, err)
	require.Equal(t, other, again)
}

func TestAQuantizedModelIsNamedByMostOfItsWeights(t *testing.T) {
	of := func(kind checkpoint.Type, shape ...int) checkpoint.Computed {
		return checkpoint.Computed{Tensor: checkpoint.Tensor{Type: kind, Shape: shape}}
	}
	m := convert.Model{Tensors: []checkpoint.Computed{of(checkpoint.F32, 1000, 1000), of(checkpoint.Q8_0, 100, 32),
		of(checkpoint.Q4_1, 60, 32), of(checkpoint.Q4_1, 60, 32)}}
	require.Equal(t, checkpoint.Q4_1, m.Quantized())
	m.Tensors = m.Tensors[:1]
	require.Empty(t, m.Quantized())
}

func TestAnIndexOfFilesThatAreNotReadIsIgnored(t *testing.T) {
	m := opened(t, tinymodel.Config{}) // of model.safetensors
	index := filepath.Join(m.Source.Path, "pytorch_model.bin.index.json")
	text := `{"weight_map": {"transformer.wte": "pytorch_model-00001-of-00002.bin"}}`
	require.NoError(t, os.WriteFile(index, []byte(text), 0o644))
	dir := t.TempDir()
	require.NoError(t, m.Directory(dir, convert.DirectoryOptions{}))
	require.FileExists(t, filepath.Join(dir, "model.safetensors"))
}
