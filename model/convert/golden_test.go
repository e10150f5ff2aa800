package convert_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
	"fettle/model/convert"
)

// golden returns the path of a file of reference data, or skips the test.
func golden(t *testing.T, parts ...string) string {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../shared"
	}
	path := filepath.Join(append([]string{shared}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return path
}

func decodeFile(t *testing.T, path string, into any) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// TestExportedTensorsAreLlamaCpps writes three models in every mix and compares types and bytes of all tensors with
// the files of llama.cpp's converter and quantizer.
func TestExportedTensorsAreLlamaCpps(t *testing.T) {
	for name, dir := range map[string]string{
		"tiny": golden(t, "golden", "gguf", "tiny"), "stories260K": golden(t, "data", "weights", "stories260K", "hf"),
		"babyllama_tok361": golden(t, "data", "weights", "babyllama_tok361", "hf"),
	} {
		var types map[string]struct{ Tensors map[string]json.RawMessage }
		decodeFile(t, golden(t, "golden", "gguf", name+".json"), &types)
		require.NotEmpty(t, types)
		m := openedAt(t, dir)
		for kind, want := range types {
			path := filepath.Join(t.TempDir(), "x.gguf")
			require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: mix(t, kind), Name: "Tiny"}))
			f, err := gguf.Open(path)
			require.NoError(t, err)
			require.Len(t, f.ByName, len(want.Tensors))
			for name, raw := range want.Tensors {
				tensor := f.ByName[name]
				var pair [2]string
				var one struct{ Type, SHA256 string }
				if json.Unmarshal(raw, &pair) != nil {
					require.NoError(t, json.Unmarshal(raw, &one))
					pair = [2]string{one.Type, one.SHA256}
				}
				sum := sha256.Sum256(tensor.Data)
				require.Equal(t, pair, [2]string{string(tensor.Type), hex.EncodeToString(sum[:])}, "%s %s", kind, name)
			}
			require.NoError(t, f.Close())
			require.NoError(t, os.Remove(path))
		}
	}
}

// TestKeysAreThoseOfLlamaCppsConverter compares keys, values and tensors with those that llama.cpp's converter writes
// for small models of several families.
func TestKeysAreThoseOfLlamaCppsConverter(t *testing.T) {
	var file struct {
		Written map[string]struct {
			Architectures []string
			Keys          map[string]any
			Tensors       map[string][]int
			Config        map[string]any
		} `json:"written_by_convert_hf_to_gguf"`
	}
	decodeFile(t, golden(t, "golden", "gguf", "metadata.json"), &file)
	for name, want := range file.Written {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m := familyModel(t, dir, want.Architectures, want.Config, want.Keys)
			path := filepath.Join(dir, "x.gguf")
			name := want.Keys["general.name"].(string)
			require.NoError(t, m.GGUF(path, convert.GGUFOptions{Mix: mix(t, "F32"), Name: name}))
			f, err := gguf.Open(path)
			require.NoError(t, err)
			// The config has no original_max_position_embeddings: transformers' default, not the model's own, is written.
			delete(want.Keys, "phi3.rope.scaling.original_context_length")
			delete(f.Metadata, "phi3.rope.scaling.original_context_length")
			for key, value := range want.Keys {
				switch v := value.(type) {
				case float64:
					got, ok := f.Metadata.Float(key)
					require.True(t, ok, key)
					require.InEpsilon(t, v+1e-9, got+1e-9, 1e-7, key)
				default:
					require.Equal(t, v, f.Metadata[key], key)
				}
			}
			for key := range f.Metadata {
				require.Contains(t, want.Keys, key)
			}
			require.Len(t, f.ByName, len(want.Tensors)*2-outside(want.Tensors))
			for name, dims := range want.Tensors {
				shape := f.ByName[name].Shape
				require.Len(t, shape, len(dims), name)
				for i, d := range dims {
					require.Equal(t, d, shape[len(shape)-1-i], name)
				}
			}
		})
	}
}

// outside counts the tensors outside the blocks.
func outside(tensors map[string][]int) (n int) {
	for name := range tensors {
		if name[:4] != "blk." {
			n++
		}
	}
	return n
}

// familyModel writes a model of a family, of the dimensions of metadata.json, with tensors of zeros, and opens it.
func familyModel(t *testing.T, dir string, architectures []string, config, keys map[string]any) convert.Model {
	arch := keys["general.architecture"].(string)
	types := map[string]string{"MistralForCausalLM": "mistral"}
	kind := arch
	if other, ok := types[architectures[0]]; ok {
		kind = other
	}
	all := map[string]any{"model_type": kind, "architectures": architectures, "num_hidden_layers": 2,
		"vocab_size": 512, "intermediate_size": 128, "max_position_embeddings": 256,
		"rms_norm_eps": keys[arch+".attention.layer_norm_rms_epsilon"]}
	for key, value := range config {
		all[key] = value
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
	c, err := model.ReadConfig(dir)
	require.NoError(t, err)
	require.Equal(t, 256, c.MaxPositions)
	var tensors []checkpoint.Tensor
	for _, w := range c.Tensors() {
		tensors = append(tensors, checkpoint.FromFloat32s(w.Name, w.Shape, make([]float32, w.Size())))
	}
	file, err := os.Create(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	require.NoError(t, safetensors.Encode(file, tensors, nil))
	require.NoError(t, file.Close())
	return openedAt(t, dir)
}
