package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/internal/budget"
)

// FuzzManifest replaces the manifest of a checkpoint by any other, whose own hash is made right: only one that lists
// the files and their hashes is taken.
func FuzzManifest(f *testing.F) {
	top := f.TempDir()
	dir := filepath.Join(top, Name(1))
	path := filepath.Join(dir, ManifestFile)
	require.NoError(f, os.WriteFile(filepath.Join(top, "outside"), []byte("zero"), 0o600))
	require.NoError(f, Write(atomicfile.OS{}, top, 1, map[string]atomicfile.Content{
		"a": atomicfile.Bytes([]byte("zero")), "b": atomicfile.Bytes([]byte("one")),
	}))
	text, err := os.ReadFile(path)
	require.NoError(f, err)
	var right manifest
	require.NoError(f, json.Unmarshal(text, &right))
	f.Add(text, true)
	for _, files := range []map[string]entry{
		nil, {"a": right.Files["a"]}, {"../outside": right.Files["a"], "b": right.Files["b"]}, {"": {}, ".": {}},
		{"a": right.Files["b"], "b": right.Files["a"]}, {ManifestFile: right.Files["a"], "b": right.Files["b"]},
	} {
		other, err := json.Marshal(manifest{Format: formatVersion, Files: files})
		require.NoError(f, err)
		f.Add(other, true)
	}
	f.Add([]byte(`{"format": 1e3, "files": [], "self": 7}`), false)
	f.Add([]byte(`{"FORMAT": 1, "files": null}`), true)
	f.Fuzz(func(t *testing.T, text []byte, sign bool) {
		defer budget.Of(t, len(text))()
		var m manifest
		err := json.Unmarshal(text, &m)
		if err == nil && sign {
			m.Self = m.digest()
			text, err = json.Marshal(m)
			require.NoError(t, err)
		}
		require.NoError(t, os.WriteFile(path, text, 0o600))
		if Verify(dir) == nil {
			require.NoError(t, err)
			require.Equal(t, right, m)
		}
	})
}
