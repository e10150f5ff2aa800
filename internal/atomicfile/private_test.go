//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrivateDirectoriesAreNobodyElses(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	mode := func(name string) os.FileMode {
		info, err := os.Lstat(at(name))
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	require.NoError(t, PrivateDir(at("new/below")))
	require.Equal(t, os.FileMode(0o700), mode("new/below"))
	require.NoError(t, PrivateDir(at("new/below")), "again")
	for _, m := range []os.FileMode{0o770, 0o707, 0o777, 0o777 | os.ModeSticky} {
		require.NoError(t, os.MkdirAll(at("shared"), 0o700))
		require.NoError(t, os.Chmod(at("shared"), m))
		err := PrivateDir(at("shared"))
		require.ErrorIs(t, err, ErrShared, "%v", m)
		require.ErrorContains(t, err, "chmod go-w "+at("shared"))
	}
	require.NoError(t, os.Chmod(at("shared"), 0o755))
	require.NoError(t, PrivateDir(at("shared")), "others may read")
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	require.ErrorIs(t, PrivateDir(at("file")), ErrShared)
	require.NoError(t, os.Symlink(at("shared"), at("link")))
	require.ErrorIs(t, PrivateDir(at("link")), ErrShared, "a link")
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(at("shared"), 12345, 12345))
		require.ErrorContains(t, PrivateDir(at("shared")), "it is another user's")
	}
}
