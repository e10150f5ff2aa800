package builtin_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/builtin"
	"fettle/internal/compute/cpu"
	"fettle/internal/world"
	"fettle/model"
	"fettle/model/tokenizer"
)

// The loss on new documents about the same facts is as low as the model card says.
func TestBuiltInModelStatesFactsOfItsWorld(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := builtin.Dir()
	require.NoError(t, err)
	again, err := builtin.Dir()
	require.NoError(t, err)
	require.Equal(t, dir, again)
	dev, err := cpu.New(cpu.Options{Compute: "f32"})
	require.NoError(t, err)
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	loss, tokens := 0.0, 0
	for _, text := range world.Corpus(99, 40) {
		ids := append(append([]int32{tok.BOS()}, tok.Encode(text)...), tok.EOS())
		b := model.Pack([][]int32{ids}, [][]int32{ids})
		losses, err := m.Loss(b)
		require.NoError(t, err)
		loss, tokens = loss+losses[0], tokens+len(b.Targets)
	}
	t.Logf("loss %.3f over %d tokens", loss/float64(tokens), tokens)
	require.Less(t, loss/float64(tokens), 0.65)

	size := int64(0)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		size += info.Size()
	}
	require.Less(t, size, int64(8<<20))
}

func TestDamagedCopiesAreRepaired(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := builtin.Dir()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/config.json", []byte("{}"), 0o644))
	_, err = builtin.Dir()
	require.NoError(t, err)
	_, err = model.ReadConfig(dir)
	require.NoError(t, err)
}

// nowhere leaves no cache, and an empty directory for temporary files, which it returns.
func nowhere(t *testing.T) (temporary string) {
	t.Setenv("XDG_CACHE_HOME", "/proc/nowhere")
	t.Setenv("HOME", "/proc/nowhere")
	temporary = t.TempDir()
	t.Setenv("TMPDIR", temporary)
	return temporary
}

func TestWithoutCacheFilesGoAmongTheTemporaryOnes(t *testing.T) {
	temporary := nowhere(t)
	dir, err := builtin.Dir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(temporary, fmt.Sprintf("fettle-%d", os.Getuid())), filepath.Dir(dir))
	info, err := os.Stat(filepath.Dir(dir))
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
}

// What others may have put there is neither read nor in the way.
func TestDirectoriesThatOthersCanWriteAreNotUsed(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"all can write": func(path string) error {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chmod(path, 0o777)
		},
		"a link": func(path string) error { return os.Symlink(t.TempDir(), path) },
		"a file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"another user's": func(path string) error {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			if os.Getuid() != 0 {
				return os.Remove(path) // only root can give it away
			}
			return os.Chown(path, 12345, 12345)
		},
	} {
		t.Run(name, func(t *testing.T) {
			taken := filepath.Join(nowhere(t), fmt.Sprintf("fettle-%d", os.Getuid()))
			require.NoError(t, put(taken))
			dir, err := builtin.Dir()
			require.NoError(t, err)
			if name != "another user's" || os.Getuid() == 0 {
				require.NotContains(t, dir, taken+string(filepath.Separator))
			}
			_, err = model.ReadConfig(dir)
			require.NoError(t, err)
		})
	}
}

// Files of other kinds, and links, are replaced and not read.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := builtin.Dir()
	require.NoError(t, err)
	path := filepath.Join(dir, "config.json")
	aside := filepath.Join(t.TempDir(), "aside")
	require.NoError(t, os.Rename(path, aside))
	for _, put := range []func() error{
		func() error { return os.Symlink(aside, path) }, func() error { return os.Mkdir(path, 0o700) },
		func() error { return exec.Command("mkfifo", path).Run() },
	} {
		if err := put(); err != nil {
			t.Log(err) // no such files on this system
			continue
		}
		_, err = builtin.Dir()
		require.NoError(t, err)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular())
		require.NoError(t, os.Remove(path))
	}
}

func TestWithoutADirectoryItIsSaidWhatToSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", filepath.Join(file, "below"))
	_, err := builtin.Dir()
	require.ErrorContains(t, err, "set TMPDIR to one you can write to")
}
