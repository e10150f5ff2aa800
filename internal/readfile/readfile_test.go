package readfile_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/readfile"
)

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "x"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	require.NoError(t, os.Symlink(path, link))
	for _, p := range []string{path, link} {
		text, err := readfile.Whole(p, 3)
		require.NoError(t, err)
		require.Equal(t, "abc", string(text))
	}
	_, err := readfile.Whole(path, 2)
	require.ErrorContains(t, err, "the most that such a file may have")
	_, err = readfile.Whole(filepath.Join(dir, "none"), 2)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = readfile.Whole(dir, 2)
	require.ErrorContains(t, err, "is a directory, want a file")

	pipe := filepath.Join(dir, "pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		t.Skip(err)
	}
	_, err = readfile.Open(pipe)
	require.ErrorContains(t, err, "is a pipe, want a file")
	if _, err := os.Stat("/dev/zero"); err == nil {
		_, err = readfile.Whole("/dev/zero", 2)
		require.ErrorContains(t, err, "is a device, want a file")
	}
}
