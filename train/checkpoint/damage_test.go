package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
)

func TestDamageOfEveryKindIsNoticed(t *testing.T) {
	for _, damage := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want string
	}{
		{"a file and its entry are gone", func(t *testing.T, dir string) {
			edit(t, dir, false, func(m *manifest) { delete(m.Files, "b") })
			require.NoError(t, os.Remove(filepath.Join(dir, "b")))
		}, "MANIFEST.json is damaged"},
		{"a file and its entry are others", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), []byte("other"), 0o644))
			is, err := hashFile(filepath.Join(dir, "b"))
			require.NoError(t, err)
			edit(t, dir, false, func(m *manifest) { m.Files["b"] = is })
		}, "MANIFEST.json is damaged"},
		{"a later format", func(t *testing.T, dir string) {
			edit(t, dir, true, func(m *manifest) { m.Format = formatVersion + 1 })
		}, "MANIFEST.json: format 2, this program reads 1"},
		{"no format", func(t *testing.T, dir string) {
			edit(t, dir, true, func(m *manifest) { m.Format = 0 })
		}, "MANIFEST.json: format 0, this program reads 1"},
		{"a file that is not listed", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "c"), nil, 0o644))
		}, "there are files outside its manifest"},
		{"the same bytes in another order", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), []byte("eno"), 0o644))
		}, "b is damaged"},
		{"a file is missing", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "b")))
		}, "no such file"},
	} {
		t.Run(damage.name, func(t *testing.T) {
			top := t.TempDir()
			require.NoError(t, Write(atomicfile.OS{}, top, 1, map[string]atomicfile.Content{
				"a": atomicfile.Bytes([]byte("zero")), "b": atomicfile.Bytes([]byte("one")),
			}))
			dir := filepath.Join(top, Name(1))
			require.NoError(t, Verify(dir))
			damage.do(t, dir)
			require.ErrorContains(t, Verify(dir), damage.want)
		})
	}
}

// edit changes a manifest; sign makes its own hash right again.
func edit(t *testing.T, dir string, sign bool, change func(*manifest)) {
	path := filepath.Join(dir, ManifestFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var m manifest
	require.NoError(t, json.Unmarshal(text, &m))
	change(&m)
	if sign {
		m.Self = m.digest()
	}
	text, err = json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
}

func TestLitterIsSweptAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run [1]") // no pattern
	for _, name := range []string{".tmp-123/half", ".del-checkpoint-000001/half", Name(2) + "/whole", ".hidden/x",
		".tmp-/mine", ".tmp-12-mine/x", ".tmp-mine/x"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	Sweep(atomicfile.OS{}, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{".hidden", ".tmp-", ".tmp-12-mine", ".tmp-mine", Name(2)}, names)
}

func TestAGlanceReadsSmallFilesAndSizesAlone(t *testing.T) {
	top := t.TempDir()
	require.NoError(t, Write(atomicfile.OS{}, top, 1, map[string]atomicfile.Content{
		"small": atomicfile.Bytes([]byte("zero")), "weights": atomicfile.Bytes(make([]byte, 100_000)),
	}))
	dir := filepath.Join(top, Name(1))
	files, err := Files(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"small", "weights", ManifestFile}, files)
	weights := filepath.Join(dir, "weights")
	changed := make([]byte, 100_000)
	changed[50_000] = 1
	require.NoError(t, os.WriteFile(weights, changed, 0o644))
	require.ErrorContains(t, Verify(dir), "weights is damaged")
	require.NoError(t, Glance(dir))
	require.NoError(t, os.Truncate(weights, 99_999))
	require.ErrorContains(t, Glance(dir), "weights is damaged")
	require.NoError(t, os.WriteFile(weights, changed, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "small"), []byte("zerO"), 0o644))
	require.ErrorContains(t, Glance(dir), "small is damaged")
}
