package convert_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/model/convert"
)

// mix returns the mix of a name.
func mix(t *testing.T, name string) *gguf.Mix {
	m, err := gguf.MixNamed(name)
	require.NoError(t, err)
	return &m
}

func TestGGUFsOfADirectoryHoldTheSameModel(t *testing.T) {
	llama3 := map[string]any{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
		"original_max_position_embeddings": 13}
	tokens := [][]int32{{1, 7, 39, 12, 5, 0, 33, 21, 8}}
	for name, c := range map[string]tinymodel.Config{
		"plain": {}, "tied": {Tied: true}, "wide heads": {HeadDim: 8}, "bfloat16": {DType: checkpoint.BF16},
		"every head its own key": {KVHeads: 4}, "llama3": {Extra: map[string]any{"rope_scaling": llama3}},
		"linear":  {Extra: map[string]any{"rope_scaling": map[string]any{"rope_type": "linear", "factor": 2.0}}},
		"mistral": {Extra: map[string]any{"model_type": "mistral", "architectures": []string{"MistralForCausalLM"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := opened(t, c)
			path := filepath.Join(t.TempDir(), "x.gguf")
			require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: mix(t, "F32"), Name: "Tiny"}))
			want, err := model.Load(m.Source.Path, ref.New())
			require.NoError(t, err)
			got, err := model.Load(path, ref.New())
			require.NoError(t, err)
			x, err := want.Logits(model.Pack(tokens, nil), []int{3, 8})
			require.NoError(t, err)
			y, err := got.Logits(model.Pack(tokens, nil), []int{3, 8})
			require.NoError(t, err)
			require.InDeltaSlice(t, x, y, 1e-5)

			// And back.
			again, dir := openedAt(t, path), t.TempDir()
			require.NoError(t, again.Directory(dir, convert.DirectoryOptions{DType: checkpoint.F32}))
			back, err := model.Open(dir)
			require.NoError(t, err)
			for _, tensor := range m.Tensors {
				if tensor.Name == "lm_head.weight" && m.Config.Tied {
					continue
				}
				w, err := checkpoint.Float32s(tensor.Tensor)
				require.NoError(t, err)
				g, err := checkpoint.Float32s(back.Tensors[tensor.Name])
				require.NoError(t, err)
				require.Equal(t, w, g, tensor.Name)
			}
			require.Equal(t, m.Config.RopeScaling, back.Config.RopeScaling)
		})
	}
}

func TestGGUFsWithoutAMixKeepBlocksAndFloats(t *testing.T) {
	m := opened(t, tinymodel.Config{Hidden: 64, Intermediate: 64, DType: checkpoint.BF16})
	path := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, m.GGUF(path, convert.GGUFOptions{}))
	f, err := gguf.Open(path)
	require.NoError(t, err)
	require.Equal(t, checkpoint.BF16, f.ByName["blk.0.attn_q.weight"].Type)
	require.Equal(t, checkpoint.F32, f.ByName["blk.0.attn_norm.weight"].Type)
	require.NoError(t, f.Close())

	require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: mix(t, "Q8_0")}))
	again, copied := openedAt(t, path), filepath.Join(t.TempDir(), "y.gguf")
	require.NoError(t, again.GGUF(copied, convert.GGUFOptions{}))
	x, err := gguf.Open(path)
	require.NoError(t, err)
	y, err := gguf.Open(copied)
	require.NoError(t, err)
	require.Equal(t, x.ByName, y.ByName, "no block is rounded again")
	require.Equal(t, x.Metadata["general.file_type"], y.Metadata["general.file_type"])
}

func TestTitlesAndSizesAreThoseOfLlamaCpp(t *testing.T) {
	for name, want := range map[string]string{
		"llama3-rope": "Llama3 Rope", "tiny": "Tiny", "llama-3.2-1b": "Llama 3.2 1B",
		"SmolLM2-135M-Instruct": "SmolLM2 135M Instruct", "ll-bpe.f32": "Ll Bpe", "tiny-Q4_K_M": "Tiny", "f16": "F16",
	} {
		require.Equal(t, want, convert.Title(name))
	}
}

func TestAnUnchangedGGUFKeepsItsName(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one.gguf"), filepath.Join(t.TempDir(), "two.gguf")
	require.NoError(t, opened(t, tinymodel.Config{}).GGUF(one, convert.GGUFOptions{Name: "Phi-3 mini"}))
	require.NoError(t, openedAt(t, one).GGUF(two, convert.GGUFOptions{Mix: mix(t, "F32"), Name: "Two"}))
	f, err := gguf.Open(two)
	require.NoError(t, err)
	require.Equal(t, "Phi-3 mini", f.Metadata["general.name"], "by which llama.cpp knows some tokenizers")
}

func TestGGUFsOfGGUFsSayWhatTheyHold(t *testing.T) {
	m := opened(t, tinymodel.Config{Hidden: 64, Intermediate: 64})
	one, two := filepath.Join(t.TempDir(), "one.gguf"), filepath.Join(t.TempDir(), "two.gguf")
	more := []gguf.Key{{Name: "general.base_model.count", Value: uint32(1)},
		{Name: "general.base_model.0.name", Value: "Base"}}
	sampling := []gguf.Key{{Name: "general.sampling.sequence", Value: "k"}} // which is a setting of generation
	more = append(more, sampling...)
	require.NoError(t, m.GGUF(one, convert.GGUFOptions{Mix: mix(t, "F32"), More: more}))
	require.NoError(t, openedAt(t, one).GGUF(two, convert.GGUFOptions{Tokenizer: sampling}))
	f, err := gguf.Open(two)
	require.NoError(t, err)
	require.Equal(t, checkpoint.F16, f.ByName["blk.0.attn_q.weight"].Type)
	require.Equal(t, uint64(1), f.Metadata["general.file_type"], "0 says that all are F32")
	for _, k := range more {
		require.Contains(t, f.Metadata, k.Name)
	}
}

func TestHalvesOfAMixedFileStayAsTheyAre(t *testing.T) {
	m := opened(t, tinymodel.Config{DType: checkpoint.F16})
	for i, tensor := range m.Tensors {
		if tensor.Name == "model.embed_tokens.weight" {
			x, err := checkpoint.Float32s(tensor.Tensor)
			require.NoError(t, err)
			m.Tensors[i].Tensor, err = checkpoint.Rounded(tensor.Name, checkpoint.BF16, tensor.Shape, x)
			require.NoError(t, err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, m.GGUF(path, convert.GGUFOptions{}))
	f, err := gguf.Open(path)
	require.NoError(t, err)
	require.Equal(t, checkpoint.BF16, f.ByName["token_embd.weight"].Type)
	require.Equal(t, checkpoint.F16, f.ByName["blk.0.attn_q.weight"].Type, "BF16 has fewer bits")
}
