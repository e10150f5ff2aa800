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

func TestSizesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 1<<40)) // a terabyte that takes no disk: it must not be read to be refused
	_, err := readfile.Whole(path, readfile.Settings)
	require.EqualError(t, err, "open "+path+": it has more than 16 MiB, the most that such a file may have")
	require.ErrorIs(t, err, readfile.ErrUnfit)
	if text, err := readfile.Whole("/proc/self/status", 1<<20); err == nil { // which says that it has no bytes
		require.Contains(t, string(text), "VmRSS")
		_, err = readfile.Whole("/proc/self/status", 10)
		require.ErrorContains(t, err, "more than 10 bytes")
	}
}

func TestADirectoryKeepsToItself(t *testing.T) {
	top := t.TempDir()
	dir, cache := filepath.Join(top, "model"), filepath.Join(top, "hub", "models--a--b")
	blob := filepath.Join(cache, "blobs", "0123456789abcdef0123456789abcdef01234567")
	snapshot := filepath.Join(cache, "snapshots", "1")
	for _, d := range []string{dir, filepath.Join(dir, "sub"), snapshot, filepath.Dir(blob)} {
		require.NoError(t, os.MkdirAll(d, 0o700))
	}
	for _, f := range []string{
		filepath.Join(top, "secret"), filepath.Join(dir, "own"), filepath.Join(dir, "sub", "own"), blob,
	} {
		require.NoError(t, os.WriteFile(f, []byte("abc"), 0o600))
	}
	link := func(to, at string) { require.NoError(t, os.Symlink(to, at)) }
	link("../secret", filepath.Join(dir, "out"))
	link(filepath.Join(top, "secret"), filepath.Join(dir, "absolute"))
	link("out", filepath.Join(dir, "twice"))
	link("..", filepath.Join(dir, "up"))
	link("/dev/zero", filepath.Join(dir, "device"))
	link("own", filepath.Join(dir, "in"))
	link(filepath.Join(dir, "own"), filepath.Join(dir, "absolutely in"))
	link("nowhere", filepath.Join(dir, "dangling"))
	link(dir, filepath.Join(top, "typed"))
	link("../../blobs/"+filepath.Base(blob), filepath.Join(snapshot, "config.json"))
	link(blob, filepath.Join(dir, "blob")) // as huggingface_hub once laid links in a directory of the user's choice
	link("../../../../secret", filepath.Join(snapshot, "out"))

	t.Chdir(top)
	for _, c := range []struct {
		reason, dir, name string
		want              error
	}{
		{"a file", dir, "own", nil},
		{"a file below", dir, "sub/own", nil},
		{"a link inside", dir, "in", nil},
		{"an absolute link inside", dir, "absolutely in", nil},
		{"a relative directory", "model", "absolutely in", nil},
		{"a directory by a link of the user's", "typed", "own", nil},
		{"that, and a link inside", filepath.Join(top, "typed"), "in", nil},
		{"the cache of Hugging Face", snapshot, "config.json", nil},
		{"a blob of that cache", dir, "blob", nil},
		{"nothing", dir, "none", nil},
		{"a link to nothing", dir, "dangling", nil},
		{"a link out", dir, "out", readfile.ErrOutside},
		{"an absolute link out", dir, "absolute", readfile.ErrOutside},
		{"a link to a link out", dir, "twice", readfile.ErrOutside},
		{"a link to a device", dir, "device", readfile.ErrOutside},
		{"a directory that leads out", dir, "up/secret", readfile.ErrOutside},
		{"a link out, of a directory by a link", "typed", "out", readfile.ErrOutside},
		{"out of a snapshot, but to no blob", snapshot, "out", readfile.ErrOutside},
		{"the directory above", dir, "../secret", readfile.ErrOutside},
		{"there and back", dir, "sub/../../secret", readfile.ErrOutside},
		{"an absolute name", dir, filepath.Join(top, "secret"), readfile.ErrOutside},
		{"an absolute name of Windows", dir, `C:\Windows\win.ini`, readfile.ErrOutside},
		{"a share of Windows", dir, `\\host\share`, readfile.ErrOutside},
		{"a relative name of Windows", dir, `..\secret`, readfile.ErrOutside},
		{"a stream of Windows", dir, "own:stream", readfile.ErrOutside},
		{"NUL", dir, "own\x00.json", readfile.ErrOutside},
		{"no name", dir, "", readfile.ErrOutside},
	} {
		t.Run(c.reason, func(t *testing.T) {
			path, err := readfile.Inside(c.dir, c.name)
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, filepath.Join(c.dir, c.name), path)
			}
		})
	}
	require.NoError(t, readfile.Beside("model-00001-of-00002.safetensors"))
	require.ErrorIs(t, readfile.Beside("sub/own"), readfile.ErrOutside)
}
