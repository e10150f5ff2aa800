package readfile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/readfile"
)

func TestDirectoriesOfAPatternCountAsTheyAre(t *testing.T) {
	top := t.TempDir()
	names := []string{"[a]", "a b", "ü", "plain"}
	if runtime.GOOS != "windows" {
		names = append(names, "new\nline", "st*r", `back\slash`)
	}
	for _, name := range names {
		require.NoError(t, os.MkdirAll(filepath.Join(top, name, "below"), 0o755))
		for _, file := range []string{"x.json", "y.json", "z.txt", "below/w.json"} {
			require.NoError(t, os.WriteFile(filepath.Join(top, name, file), nil, 0o644))
		}
	}
	for _, name := range names {
		dir := filepath.Join(top, name)
		for pattern, want := range map[string][]string{
			"*.json": {"x.json", "y.json"}, "*/*.json": {"below/w.json"}, "below/*": {"below/w.json"}, "none*": nil,
			"[xz].*": {"x.json", "z.txt"}, "x.json": {"x.json"},
		} {
			got, err := readfile.Matches(filepath.Join(dir, pattern))
			require.NoError(t, err)
			for i := range want {
				want[i] = filepath.Join(dir, filepath.FromSlash(want[i]))
			}
			require.ElementsMatch(t, want, got, "%q %s", name, pattern)
		}
	}
	t.Chdir(filepath.Join(top, "[a]"))
	got, err := readfile.Matches("*.txt")
	require.NoError(t, err)
	require.Equal(t, []string{"z.txt"}, got)
	_, err = readfile.Matches(filepath.Join(top, "[unended"))
	require.Error(t, err)
	wide, err := readfile.Matches(filepath.Join(top, "pl*", "*.txt"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(top, "plain", "z.txt")}, wide)
}
