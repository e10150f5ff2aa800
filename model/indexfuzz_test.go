package model

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// FuzzIndex reads any bytes as the index of a checkpoint's parts: an error that names it, or names of files beside it.
func FuzzIndex(f *testing.F) {
	for _, seed := range []string{
		`{"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "m.bin"}}`,
		`{"weight_map": {"a": "../m.bin"}}`, `{"weight_map": {"a": "/etc/passwd"}}`, `{"weight_map": {"a": ""}}`,
		`{"weight_map": {"a": "x\u0000", "b": 7}}`, `{"weight_map": [], "WEIGHT_MAP": {"a": "x/../y"}}`, "",
		"null", "\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		parts, err := readIndex("x/index.json", text)
		if err != nil {
			require.ErrorContains(t, err, "read x/index.json: ")
			return
		}
		for name, part := range parts {
			require.NotEmpty(t, part, name)
			require.False(t, strings.ContainsRune(part, filepath.Separator), name)
		}
	})
}
