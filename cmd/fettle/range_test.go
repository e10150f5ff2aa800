package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// Weights that another type cannot hold, and those whose products overflow, are a fault of the data alone.
func TestNumbersBeyondATypeAreAnErrorOfTheData(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string // of every float32
		args  []string
		want  string
	}{
		"float16":      {"\x00\x24\x74\x49", []string{"--dtype", "float16"}, "BF16 and F32 hold it"},
		"GGUF":         {"\x00\x24\x74\x49", []string{"--format", "gguf", "--quantize", "Q8_0"}, "BF16 and F32 hold it"},
		"bfloat16":     {"\xff\xff\x7f\x7f", []string{"--dtype", "bfloat16"}, "F32 holds it"},
		"the products": {"\xff\xff\x7f\x7f", []string{"--dtype", "float32"}, "nor were they before"},
	} {
		base := tiny(t, tinymodel.Config{})
		path := filepath.Join(base, "model.safetensors")
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := 8 + int(binary.LittleEndian.Uint64(file)); i < len(file); i++ {
			file[i] = c.bytes[i%4]
		}
		require.NoError(t, os.WriteFile(path, file, 0o600))
		out := filepath.Join(t.TempDir(), "out")
		if name == "GGUF" {
			out += ".gguf"
		}
		code, _, said := call("", append([]string{"convert", "--input", base, "--output_dir", out}, c.args...)...)
		require.Equal(t, exitData, code, "%s: %s", name, said)
		require.Contains(t, said, c.want)
	}
}
