package tinymodel_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestSameSeedSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	require.NoError(t, tinymodel.Write(a, tinymodel.Config{DType: "BF16"}, 1))
	require.NoError(t, tinymodel.Write(b, tinymodel.Config{DType: "BF16"}, 1))
	for _, name := range []string{"config.json", "model.safetensors"} {
		x, err := os.ReadFile(filepath.Join(a, name))
		require.NoError(t, err)
		y, err := os.ReadFile(filepath.Join(b, name))
		require.NoError(t, err)
		require.Equal(t, x, y)
	}
}
