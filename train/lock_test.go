package train

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// without is the lock of a file system that has none.
func without(err error) func(string) (func() error, bool, error) {
	return func(string) (func() error, bool, error) { return nil, false, err }
}

func TestAFileStandsForALockWhereThereAreNone(t *testing.T) {
	for _, failure := range []error{syscall.ENOLCK, syscall.ENOSYS, syscall.EOPNOTSUPP} {
		dir := t.TempDir()
		var said []string
		warn := func(text string) { said = append(said, text) }
		unlock, err := take(dir, without(failure), warn)
		require.NoError(t, err)
		require.Len(t, said, 1)
		require.Contains(t, said[0], failure.Error())
		require.Contains(t, said[0], ".lock-owner stands for one")

		_, err = take(dir, without(failure), warn)
		require.ErrorIs(t, err, ErrBusy, "the second is refused")
		require.ErrorContains(t, err, fmt.Sprintf("process %d on ", os.Getpid()))
		_, err = Lock(dir)
		require.ErrorIs(t, err, ErrBusy, "and so is one on a machine with locks")
		o, held, err := Held(dir)
		require.NoError(t, err)
		require.True(t, held)
		require.Equal(t, os.Getpid(), o.Process)

		require.NoError(t, unlock())
		unlock, err = take(dir, without(failure), warn)
		require.NoError(t, err, "it is free again")
		require.NoError(t, unlock())
		_, held, _ = Held(dir)
		require.False(t, held)
	}
	_, err := take(t.TempDir(), without(syscall.EIO), func(string) {})
	require.ErrorIs(t, err, syscall.EIO)
	require.NotErrorIs(t, err, ErrBusy)
}

// A lock that is held, or was left behind, is explained.
func TestTheOwnerOfALockIsExplained(t *testing.T) {
	here := self()
	gone := here
	gone.Process = 1 << 22 // more than systems give
	for _, c := range []struct {
		name string
		text string
		want []string
	}{
		{"of this machine", here.line(), []string{here.String(), "stop it, or choose another output_dir"}},
		{"of a process that is gone", gone.line(), []string{gone.String(), "no such process runs here any more", "remove "}},
		{"of another machine", "77 node12 2026-01-02T03:04:05Z\n", []string{
			"process 77 on node12, since 2026-01-02T03:04:05Z", "stop it on node12",
			"If no such process runs there", "shared file system: remove "}},
		{"empty", "", []string{"its lock file does not say which process", "choose another output_dir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, LockFile), []byte(c.text), 0o600))
			_, err := take(dir, without(nil), nil)
			require.ErrorIs(t, err, ErrBusy)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
