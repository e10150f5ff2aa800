package convert_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/model/convert"
)

// phi3 is a model whose files hold projections in fused tensors. They can be multiples of a block of Q8_0 wide.
var phi3 = tinymodel.Config{Hidden: 32, Intermediate: 64, Layers: 2, Extra: map[string]any{
	"model_type": "phi3", "architectures": []string{"Phi3ForCausalLM"}, "pad_token_id": 0}}

func TestAdaptersAreMergedIntoFusedTensors(t *testing.T) {
	plain, dir := opened(t, phi3), filepath.Join(t.TempDir(), "whole")
	require.NoError(t, convert.NewDirectory(dir, false, func(to string) error {
		return plain.Directory(to, convert.DirectoryOptions{})
	}))
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	require.Contains(t, f.Names(), "model.layers.1.self_attn.qkv_proj.weight")
	require.NotContains(t, f.Names(), "model.layers.1.self_attn.q_proj.weight")
	require.NoError(t, f.Close())

	source, err := model.Open(dir)
	require.NoError(t, err)
	base, err := model.Load(dir, ref.New())
	require.NoError(t, err)
	set, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"k_proj", "up_proj", "o_proj"}}, base, 3)
	require.NoError(t, err)
	for _, p := range set.Params() {
		for i := range p.Data {
			p.Data[i] = float32(i%7-3) / 20
		}
	}
	require.NoError(t, set.Refresh())
	merged, err := adapter.Merge(base, []*adapter.Set{set}, []float64{1}, ref.New())
	require.NoError(t, err)
	m := convert.Model{Source: source, Config: merged.Config()}
	m.Tensors, err = merged.Tensors(source.Tensors)
	require.NoError(t, err)
	b := model.Pack([][]int32{{1, 5, 9, 33, 2, 7}}, nil)
	want, err := set.Model().Logits(b, []int{2, 5})
	require.NoError(t, err)
	for name, write := range map[string]func(string) error{
		"dir": func(to string) error {
			return convert.NewDirectory(to, false, func(to string) error { return m.Directory(to, convert.DirectoryOptions{}) })
		},
		"m.gguf": func(to string) error { return m.GGUF(to, convert.GGUFOptions{Mix: mix(t, "F32")}) },
	} {
		to := filepath.Join(t.TempDir(), name)
		require.NoError(t, write(to), name)
		again, err := model.Load(to, ref.New())
		require.NoError(t, err, name)
		got, err := again.Logits(b, []int{2, 5})
		require.NoError(t, err, name)
		require.InDeltaSlice(t, want, got, 1e-5, name)
	}
}

func TestFusedBlocksStayAsTheyAre(t *testing.T) {
	m, first, second := opened(t, phi3), filepath.Join(t.TempDir(), "a.gguf"), filepath.Join(t.TempDir(), "b.gguf")
	require.NoError(t, m.GGUF(first, convert.GGUFOptions{Mix: mix(t, "Q8_0")}))
	m = openedAt(t, first)
	require.NoError(t, m.GGUF(second, convert.GGUFOptions{}))
	a, err := gguf.Open(first)
	require.NoError(t, err)
	b, err := gguf.Open(second)
	require.NoError(t, err)
	for _, name := range []string{"blk.0.attn_qkv.weight", "blk.1.ffn_up.weight"} {
		require.Equal(t, checkpoint.Q8_0, b.ByName[name].Type)
		require.Equal(t, a.ByName[name].Data, b.ByName[name].Data)
	}
}
