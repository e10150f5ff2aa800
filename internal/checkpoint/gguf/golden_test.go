package gguf

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
)

// TestFilesOfLlamaCppHaveItsValues reads files that llama.cpp wrote and compares every tensor's type, shape, bytes and
// dequantized values.
func TestFilesOfLlamaCppHaveItsValues(t *testing.T) {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../../shared"
	}
	dir := filepath.Join(shared, "golden", "gguf")
	files, err := filepath.Glob(filepath.Join(dir, "*.*.gguf"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no reference data in %s", dir)
	}
	seen := map[checkpoint.Type]bool{}
	for _, path := range files {
		name := filepath.Base(path)
		model, kind := name[:len(name)-len(filepath.Ext(name))], ""
		kind = filepath.Ext(model)[1:]
		model = model[:len(model)-len(kind)-1]
		if kind == "lora" {
			continue
		}
		t.Run(model+"."+kind, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, model+".json"))
			require.NoError(t, err)
			var golden map[string]struct {
				FileType int `json:"file_type"`
				Tensors  map[string]struct {
					Type   checkpoint.Type
					Dims   []int
					SHA    string `json:"sha256"`
					First  []float32
					Sum    float64
					Square float64 `json:"sumsq"`
				}
			}
			require.NoError(t, decode(text, kind, &golden))
			want := golden[kind]
			f, err := Open(path)
			require.NoError(t, err)
			defer f.Close()
			fileType, ok := f.Metadata.Int("general.file_type")
			require.True(t, ok)
			require.Equal(t, want.FileType, fileType)
			require.Len(t, f.Names(), len(want.Tensors))
			for name, w := range want.Tensors {
				tensor, ok := f.Tensor(name)
				require.True(t, ok, name)
				require.Equal(t, w.Type, tensor.Type, name)
				slices.Reverse(w.Dims)
				require.Equal(t, w.Dims, tensor.Shape, name)
				sum := sha256.Sum256(tensor.Data)
				require.Equal(t, w.SHA, hex.EncodeToString(sum[:]), name)
				x, err := checkpoint.Float32s(tensor)
				require.NoError(t, err)
				require.Equal(t, w.First, x[:len(w.First)], name)
				total, squares := 0.0, 0.0
				for _, v := range x {
					total += float64(v)
					squares += float64(v) * float64(v)
				}
				require.InDelta(t, w.Sum, total, 1e-9*(1+squares), name)
				require.InEpsilon(t, w.Square, squares, 1e-12, name)
				seen[tensor.Type] = true
			}
		})
	}
	for _, dtype := range types {
		switch dtype {
		case checkpoint.I8, checkpoint.I16, checkpoint.I32, checkpoint.I64, checkpoint.F64:
		default:
			require.True(t, seen[dtype], "no file has a tensor of type %s", dtype)
		}
	}
}

// decode reads one entry of a golden file; the entries of types without a file have another layout.
func decode(text []byte, kind string, into any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	one, err := json.Marshal(map[string]json.RawMessage{kind: all[kind]})
	if err != nil {
		return err
	}
	return json.Unmarshal(one, into)
}

// TestFilesOfLlamaCppAreWrittenAgainAsTheyAre reads the keys and tensors of files that llama.cpp wrote and writes the
// same bytes.
func TestFilesOfLlamaCppAreWrittenAgainAsTheyAre(t *testing.T) {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../../shared"
	}
	files, err := filepath.Glob(filepath.Join(shared, "golden", "gguf", "*.*.gguf"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no reference data")
	}
	for _, path := range files {
		if strings.HasSuffix(path, ".lora.gguf") {
			continue // its tensors have an order of their own
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := Parse(want)
		require.NoError(t, err)
		names := f.Names()
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(LayerOf(a), LayerOf(b)) })
		var tensors []checkpoint.Lazy
		for _, name := range names {
			tensor, _ := f.Tensor(name)
			tensors = append(tensors, tensor.Lazy())
		}
		var got bytes.Buffer
		require.NoError(t, Encode(&got, keysOf(want), tensors))
		require.True(t, bytes.Equal(want, got.Bytes()), path)
	}
}
