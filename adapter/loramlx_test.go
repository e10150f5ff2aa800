package adapter_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// mlxDir writes an adapter of mlx-lm with A (in, r) and B (r, out) of q of layer 2.
func mlxDir(t *testing.T, config string, more ...checkpoint.Tensor) string {
	dir := t.TempDir()
	tensors := append([]checkpoint.Tensor{
		counted("model.layers.2.self_attn.q_proj.lora_a", 16, 2), counted("model.layers.2.self_attn.q_proj.lora_b", 2, 16),
	}, more...)
	write := func(w io.Writer) error { return safetensors.Encode(w, tensors, nil) }
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "adapters.safetensors"), write))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o644))
	return dir
}

func TestMLXsScaleIsFoundUnderItsNames(t *testing.T) {
	base := load(t, fast(t, 1))
	for config, alpha := range map[string]float64{
		`{"fine_tune_type": "lora", "num_layers": 4, "lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.1}}`: 40,
		`{"lora_layers": 4, "lora_parameters": {"rank": 2, "alpha": 16, "scale": 2.0, "dropout": 0.1}}`:              4,
		`{"lora_layers": 4, "lora_parameters": {"rank": 2, "alpha": 16, "dropout": 0.1}, "use_dora": false}`:         16,
	} {
		s, err := adapter.Load(mlxDir(t, config), base)
		require.NoError(t, err, config)
		l := s.Method().(adapter.LoRA)
		require.Equal(t, []any{2, alpha, 0.1}, []any{l.Rank, l.Alpha, l.Dropout}, config)
		a := s.Params()[0]
		require.Equal(t, []int{2, 16}, a.Shape)
		require.Equal(t, []float32{0.01, 0.03, 0.05}, a.Data[:3], "transposed")
	}
}

func TestMLXAdaptersThatAreNotLoRAAreRefused(t *testing.T) {
	base := load(t, fast(t, 1))
	const lora = `{"num_layers": 4, "lora_parameters": {"rank": 2, "scale": 20}}`
	tied := filepath.Join(t.TempDir(), "tied")
	require.NoError(t, tinymodel.Write(tied, tinymodel.Config{Tied: true}, 7))
	tiedBase, err := model.Load(tied, ref.New())
	require.NoError(t, err)
	embed := []checkpoint.Tensor{counted("model.embed_tokens.lora_a", 40, 2), counted("model.embed_tokens.lora_b", 2, 16)}
	for _, c := range []struct {
		config string
		more   []checkpoint.Tensor
		base   *model.Model
		want   string
	}{
		{`{"fine_tune_type": "dora", "num_layers": 4, "lora_parameters": {"rank": 2, "scale": 20}}`, nil, base, "DoRA"},
		{`{"use_dora": true, "lora_layers": 4, "lora_parameters": {"rank": 2, "scale": 20}}`, nil, base, "DoRA"},
		{`{"fine_tune_type": "full", "num_layers": 4}`, nil, base, "fine_tune_type is full"},
		{`{"fine_tune_type": "ia3", "num_layers": 4}`, nil, base, `fine_tune_type is "ia3", want lora`},
		{`{"num_layers": 4, "lora_parameters": {"rank": 2}}`, nil, base, "neither scale nor alpha"},
		{`{"num_layers": 4}`, nil, base, "lora_parameters is missing"},
		{`{}`, nil, base, "not a configuration of PEFT or mlx-lm"},
		{`{`, nil, base, "adapter_config.json"},
		{lora, []checkpoint.Tensor{counted("model.layers.2.self_attn.q_proj.m", 16)}, base, "DoRA is not computed"},
		{lora, []checkpoint.Tensor{counted("model.layers.2.mlp.switch.lora_a", 16, 2)}, base, "is none of a LoRA"},
		{lora, []checkpoint.Tensor{counted("model.layers.1.mlp.up_proj.lora_a", 16, 2)}, base, "has no B beside it"},
		{lora, embed, tiedBase, "embed_tokens of a tied base"},
	} {
		_, err := adapter.Load(mlxDir(t, c.config, c.more...), c.base)
		require.ErrorContains(t, err, c.want, c.config)
	}
	_, err = adapter.Load(mlxDir(t, lora, embed...), base)
	require.NoError(t, err)
}

func TestCheckpointsOfMLXAreFound(t *testing.T) {
	base := load(t, fast(t, 1))
	dir := mlxDir(t, `{"num_layers": 4, "lora_parameters": {"rank": 2, "scale": 20}}`)
	final := filepath.Join(dir, "adapters.safetensors")
	for _, step := range []string{"0000100", "0000200"} {
		require.NoError(t, os.Link(final, filepath.Join(dir, step+"_adapters.safetensors")))
	}
	require.NoError(t, os.Remove(final))
	odd := filepath.Join(t.TempDir(), "run [1]")
	require.NoError(t, os.Rename(dir, odd))
	dir = odd
	require.Equal(t, filepath.Join(dir, "0000200_adapters.safetensors"), adapter.WeightsOf(dir))
	for _, path := range []string{dir, filepath.Join(dir, "0000100_adapters.safetensors")} {
		_, err := adapter.Load(path, base)
		require.NoError(t, err)
	}
}
