package convert_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/compute/ref"
	"fettle/model"
	"fettle/model/convert"
)

// TestMergedFilesAreLlamaCpps merges an adapter at two scales, writes GGUF files and compares their tensors and logits
// with those of the files that llama.cpp's llama-export-lora writes.
func TestMergedFilesAreLlamaCpps(t *testing.T) {
	dir := golden(t, "golden", "gguf")
	var file struct {
		Merged map[string]struct {
			Tensors map[string]struct {
				Type   checkpoint.Type
				Sum    float64
				Square float64 `json:"sumsq"`
				First  []float32
			}
			Runs []struct {
				Logits []float64 `json:"logits_f64"`
			}
		}
		Runs []struct {
			IDs []int32
		}
	}
	decodeFile(t, filepath.Join(dir, "tiny.lora.json"), &file)
	source, err := model.Open(filepath.Join(dir, "tiny"))
	require.NoError(t, err)
	base, err := model.Load(filepath.Join(dir, "tiny"), ref.New())
	require.NoError(t, err)
	set, err := adapter.Load(filepath.Join(dir, "tiny_lora"), base)
	require.NoError(t, err)
	for name, scale := range map[string]float64{"tiny.merged.gguf": 1, "tiny.merged05.gguf": 0.5} {
		want := file.Merged[name]
		require.NotEmpty(t, want.Tensors)
		g, err := adapter.Merge(base, []*adapter.Set{set}, []float64{scale}, ref.New())
		require.NoError(t, err)
		tensors, err := g.Tensors(source.Tensors)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), name)
		m := convert.Model{Source: source, Config: g.Config(), Tensors: tensors}
		require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: mix(t, "F32"), Name: "Tiny"}))
		f, err := gguf.Open(path)
		require.NoError(t, err)
		require.Len(t, f.ByName, len(want.Tensors))
		for name, w := range want.Tensors {
			tensor := f.ByName[name]
			require.Equal(t, w.Type, tensor.Type, name)
			x, err := checkpoint.Float32s(tensor)
			require.NoError(t, err)
			sum, squares := 0.0, 0.0
			for i, v := range x {
				if i < len(w.First) {
					require.InDelta(t, w.First[i], v, 1e-6, "%s element %d", name, i)
				}
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			require.InDelta(t, w.Sum, sum, 1e-6*(1+squares), name)
			require.InEpsilon(t, w.Square, squares, 1e-6, name)
		}
		require.NoError(t, f.Close())
		merged, err := model.Load(path, ref.New())
		require.NoError(t, err)
		for i, run := range want.Runs {
			ids := file.Runs[i].IDs
			got, err := merged.Logits(model.Pack([][]int32{ids}, nil), []int{len(ids) - 1})
			require.NoError(t, err)
			require.Len(t, got, len(run.Logits))
			for j, logit := range run.Logits {
				require.InDelta(t, logit, got[j], 1e-4, "%s run %d logit %d", name, i, j)
			}
		}
	}
}
