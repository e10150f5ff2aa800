package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("no space left")

// failing fails its call number left.
type failing struct {
	OS
	left *int
}

func (f failing) fails() bool { *f.left--; return *f.left == 0 }

func (f failing) MkdirTemp(dir, pattern string) (string, error) {
	if f.fails() {
		return "", errDisk
	}
	return f.OS.MkdirTemp(dir, pattern)
}

func (f failing) WriteFile(path string, content Content) error {
	if f.fails() { // half of it is written
		var whole bytes.Buffer
		content(&whole)
		f.OS.WriteFile(path, Bytes(whole.Bytes()[:whole.Len()/2]))
		return errDisk
	}
	return f.OS.WriteFile(path, content)
}

func (f failing) SyncDir(path string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.SyncDir(path)
}

func (f failing) Symlink(target, path string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.Symlink(target, path)
}

func (f failing) Rename(from, to string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.Rename(from, to)
}

func (f failing) RemoveAll(path string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.RemoveAll(path)
}

// survive runs write with each call of the disk failing in turn and returns how often it failed.
func survive(t *testing.T, write func(Disk) error, check func(failed bool)) (calls int) {
	for n := 1; ; n++ {
		left := n
		err := write(failing{left: &left})
		if left > 0 {
			require.NoError(t, err)
			return n - 1
		}
		if err != nil {
			require.ErrorIs(t, err, errDisk)
		}
		check(err != nil)
	}
}

func TestAFailingDiskLeavesTheOldContentOrTheNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	calls := survive(t, func(d Disk) error {
		require.NoError(t, os.WriteFile(path, []byte("old content"), 0o644))
		return Replace(d, path, Bytes([]byte("new content")))
	}, func(failed bool) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, []string{"old content", "new content"}, string(text))
		if !failed {
			require.Equal(t, "new content", string(text))
		}
	})
	require.Equal(t, 5, calls)
}

func TestAFailingDiskLeavesTheOldLinkOrTheNew(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	path := filepath.Join(t.TempDir(), "best")
	calls := survive(t, func(d Disk) error {
		os.Remove(path)
		require.NoError(t, os.Symlink("checkpoint-1", path))
		return ReplaceLink(d, path, "checkpoint-2")
	}, func(bool) {
		target, err := os.Readlink(path)
		require.NoError(t, err)
		require.Contains(t, []string{"checkpoint-1", "checkpoint-2"}, target)
	})
	require.Equal(t, 5, calls)
	left := 100
	require.NoError(t, ReplaceLink(failing{left: &left}, path, "checkpoint-2"))
	require.Equal(t, 100, left, "a link that is right already costs nothing")
}

func TestContentThatFailsLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	err := Write(path, func(w io.Writer) error {
		_, err := w.Write([]byte("half of the n"))
		require.NoError(t, err)
		return errDisk
	})
	require.ErrorIs(t, err, errDisk)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	if os.Symlink(path, link) != nil {
		t.Skip("no links here")
	}
	require.NoError(t, Write(link, Bytes([]byte("new"))))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(text))
	target, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, path, target)
}

func TestDevicesAreWrittenInPlace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NUL is no path there")
	}
	require.NoError(t, Write(os.DevNull, Bytes([]byte("gone"))))
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular())
}

func TestAMissingDirectoryIsNamedWithTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	err := Write(path, Bytes(nil))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "write "+path)
}

// synced lists the directories that are synced.
type synced struct {
	OS
	dirs *[]string
}

func (s synced) SyncDir(path string) error {
	*s.dirs = append(*s.dirs, path)
	return s.OS.SyncDir(path)
}

func TestNamesOfNewDirectoriesAreSynced(t *testing.T) {
	top := t.TempDir()
	var dirs []string
	d := synced{dirs: &dirs}
	require.NoError(t, MkdirAll(d, filepath.Join(top, "runs", "x")))
	require.ElementsMatch(t, []string{top, filepath.Join(top, "runs")}, dirs)
	require.NoError(t, MkdirAll(d, filepath.Join(top, "runs", "x")))
	require.Len(t, dirs, 2, "nothing was made")
	require.NoError(t, os.WriteFile(filepath.Join(top, "file"), nil, 0o644))
	require.Error(t, MkdirAll(d, filepath.Join(top, "file", "below")))
}
