package model_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/compute/ref"
	"fettle/internal/identify"
	"fettle/internal/tinymodel"
	"fettle/model"
)

// lastLogits loads a model and returns the logits behind two prompts.
func lastLogits(t *testing.T, path string) []float32 {
	t.Helper()
	m, err := model.Load(path, ref.New())
	require.NoError(t, err)
	tokens, _ := sequences(40, 9)
	z, err := m.Logits(model.Pack(tokens, nil), []int{3, 8})
	require.NoError(t, err)
	return z
}

func TestRealModelsOfMetaAndLlama2CEqualTheirDirectories(t *testing.T) {
	for _, name := range realModels {
		dir := shared(t, "data", "weights", name)
		want := lastLogits(t, filepath.Join(dir, "hf"))
		paths, err := filepath.Glob(filepath.Join(dir, "*.bin"))
		require.NoError(t, err)
		ggufs, err := filepath.Glob(filepath.Join(dir, "*.gguf"))
		require.NoError(t, err)
		for _, path := range append(append(paths, ggufs...), filepath.Join(dir, "meta")) {
			layout, _ := identify.ModelAt(path)
			switch base := filepath.Base(path); {
			case layout == "": // a tokenizer
			case strings.Contains(base, "q8"):
				got := lastLogits(t, path)
				require.InDeltaSlice(t, want, got, 0.6, path)
				require.NotEqual(t, want, got)
			default:
				require.Equal(t, want, lastLogits(t, path), path)
			}
		}
	}
}

// writeMeta writes a directory as Meta's, split over ranks, and the embedding by rows or by columns.
func writeMeta(t *testing.T, dir, base string, ranks int, byRows bool, params map[string]any) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	all := map[string]any{"dim": 16, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "vocab_size": -1, "multiple_of": 8,
		"norm_eps": 1e-5, "max_seq_len": 64}
	maps.Copy(all, params)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "params.json"), text, 0o644))
	files := make([][]checkpoint.Tensor, ranks)
	tensors := ggufTensors(t, base)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		tensor := tensors[name]
		tensor.Name = strings.NewReplacer("token_embd", "tok_embeddings", "output_norm", "norm", "blk.", "layers.",
			"attn_norm", "attention_norm", "attn_q", "attention.wq", "attn_k", "attention.wk", "attn_v", "attention.wv",
			"attn_output", "attention.wo", "ffn_gate", "feed_forward.w1", "ffn_down", "feed_forward.w2",
			"ffn_up", "feed_forward.w3").Replace(name)
		columns := strings.Contains(tensor.Name, "wo") || strings.Contains(tensor.Name, "w2") ||
			strings.Contains(tensor.Name, "tok_embeddings") && !byRows
		x, err := checkpoint.Float32s(tensor)
		require.NoError(t, err)
		for rank := range files {
			shape, part := slices.Clone(tensor.Shape), []float32{}
			switch {
			case len(shape) == 1:
				part = x
			case columns:
				k := shape[1]
				shape[1] /= ranks
				for i := range shape[0] {
					part = append(part, x[i*k+rank*shape[1]:][:shape[1]]...)
				}
			default:
				shape[0] /= ranks
				part = x[rank*shape[0]*shape[1]:][:shape[0]*shape[1]]
			}
			files[rank] = append(files[rank], checkpoint.FromFloat32s(tensor.Name, shape, part))
		}
	}
	for rank, list := range files {
		for _, name := range []string{"rope.freqs", "layers.0.attention.inner_attention.rope.freqs", // of the first LLaMA
			"freqs_cos", "layers.2.attention.mask"} { // of other programs that keep Meta's layout
			list = append(list, checkpoint.FromFloat32s(name, []int{2}, []float32{1, 0.01}))
		}
		require.NoError(t, tinymodel.WritePickle(filepath.Join(dir, fmt.Sprintf("consolidated.%02d.pth", rank)), list))
	}
}

func TestMetaEqualsTheDirectoryItWasMadeOf(t *testing.T) {
	for _, c := range []struct {
		reason string
		base   tinymodel.Config
		ranks  int
		byRows bool
		params map[string]any
	}{
		{"one file", tinymodel.Config{}, 1, false, nil},
		{"two ranks", tinymodel.Config{}, 2, false, nil},
		{"two ranks, the tokens of the embedding split", tinymodel.Config{}, 2, true, nil},
		{"four ranks", tinymodel.Config{KVHeads: 4}, 4, false, map[string]any{"n_kv_heads": nil}},
		{"the vocabulary given", tinymodel.Config{}, 1, false, map[string]any{"vocab_size": 40}},
		{"tied", tinymodel.Config{Tied: true}, 2, false, nil},
		{"another base of RoPE", tinymodel.Config{Extra: map[string]any{"rope_theta": 5e5}}, 1, true,
			map[string]any{"rope_theta": 5e5}},
		{"scaled RoPE", tinymodel.Config{Extra: map[string]any{"rope_scaling": map[string]any{"rope_type": "llama3",
			"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}},
			1, true, map[string]any{"use_scaled_rope": true}},
		{"wide heads", tinymodel.Config{HeadDim: 8}, 2, false, map[string]any{"head_dim": 8}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			base, dir := t.TempDir(), filepath.Join(t.TempDir(), "[meta]")
			require.NoError(t, tinymodel.Write(base, c.base, 1))
			writeMeta(t, dir, base, c.ranks, c.byRows, c.params)
			require.Equal(t, lastLogits(t, base), lastLogits(t, dir))
			want, err := model.ReadConfig(base)
			require.NoError(t, err)
			got, err := model.ReadConfig(dir)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestWhatMetaLeavesOutIsWhatItsModelsHave(t *testing.T) {
	for _, c := range []struct {
		reason string
		params map[string]any
		want   int
	}{
		{"LLaMA", map[string]any{"norm_eps": 1e-6}, 2048}, {"LLaMA 2", nil, 4096},
		{"Code Llama", map[string]any{"rope_theta": 1e6}, 16384},
		{"LLaMA 3.1", map[string]any{"rope_theta": 5e5, "use_scaled_rope": true}, 131072},
		{"Mistral", map[string]any{"sliding_window": 4000}, 4000},
	} {
		base, dir := t.TempDir(), t.TempDir()
		require.NoError(t, tinymodel.Write(base, tinymodel.Config{}, 1))
		params := map[string]any{"max_seq_len": nil}
		maps.Copy(params, c.params)
		writeMeta(t, dir, base, 1, false, params)
		got, err := model.ReadConfig(dir)
		require.NoError(t, err)
		require.Equal(t, c.want, got.MaxPositions, c.reason)
	}
}

func TestWrongMetaDirectoriesAreRefusedWithAReason(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, tinymodel.Write(base, tinymodel.Config{}, 1))
	for want, spoil := range map[string]func(dir string) error{
		"moe is not supported": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "params.json"), []byte(`{"dim": 16, "moe": {}}`), 0o644)
		},
		"hidden_size is 0, want 1": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "params.json"), []byte(`{"n_heads": 4}`), 0o644)
		},
		"params.json": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "params.json"), []byte(`{"dim": "a"}`), 0o644)
		},
		"consolidated.00.pth is missing before consolidated.01.pth": func(dir string) error {
			return os.Remove(filepath.Join(dir, "consolidated.00.pth"))
		},
		"has no matrix tok_embeddings.weight": func(dir string) error {
			return tinymodel.WritePickle(filepath.Join(dir, "consolidated.00.pth"),
				[]checkpoint.Tensor{checkpoint.FromFloat32s("a", []int{1}, []float32{1})})
		},
		"tensor layers.0.attention.wk.weight is missing in consolidated.01.pth": func(dir string) error {
			return tinymodel.WritePickle(filepath.Join(dir, "consolidated.01.pth"),
				[]checkpoint.Tensor{checkpoint.FromFloat32s("layers.0.attention_norm.weight", []int{16}, make([]float32, 16))})
		},
		"hold 8 of 16 rows of the queries: want 2 files, have 1": func(dir string) error {
			return os.Remove(filepath.Join(dir, "consolidated.01.pth"))
		},
	} {
		dir := t.TempDir()
		writeMeta(t, dir, base, 2, true, nil)
		require.NoError(t, spoil(dir))
		_, err := model.Load(dir, ref.New())
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, dir)
	}
}

func TestRanksAreJoinedOnlyToBePrepared(t *testing.T) {
	base, one, two := t.TempDir(), t.TempDir(), t.TempDir()
	require.NoError(t, tinymodel.Write(base, tinymodel.Config{}, 1))
	writeMeta(t, one, base, 1, false, nil)
	writeMeta(t, two, base, 2, false, nil)
	s, err := model.Open(two)
	require.NoError(t, err)
	whole, err := model.Open(one)
	require.NoError(t, err)
	for name, tensor := range s.Tensors {
		require.NoError(t, tensor.Check())
		require.Equal(t, len(tensor.Shape) == 2, tensor.Data == nil, name)
		want, err := checkpoint.Float32s(whole.Tensors[name])
		require.NoError(t, err)
		got, err := checkpoint.Float32s(tensor)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		s.Release(name)
	}
	for _, quantization := range []string{"none", "nf4"} {
		dev := ref.New()
		want, err := model.LoadAs(one, dev, quantization)
		require.NoError(t, err)
		got, err := model.LoadAs(two, dev, quantization)
		require.NoError(t, err)
		require.Equal(t, want.Fingerprint(), got.Fingerprint())
		require.Equal(t, want.Content(), got.Content())
		x, err := want.NewSession(4).Decode([]int32{1, 2, 3})
		require.NoError(t, err)
		y, err := got.NewSession(4).Decode([]int32{1, 2, 3})
		require.NoError(t, err)
		require.Equal(t, x, y)
	}
}
