//go:build !windows

package atomicfile

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A closed directory cannot be synced, which shows that the system is asked.
func TestDirectoriesAreSyncedByTheSystem(t *testing.T) {
	f, err := os.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, syncDir(f))
	require.NoError(t, f.Close())
	require.ErrorIs(t, syncDir(f), os.ErrClosed)
	require.Error(t, OS{}.SyncDir(f.Name()+"-missing"))
}
