package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALineThatWasCutOffCostsItselfAlone(t *testing.T) {
	dir := t.TempDir()
	none, err := Read(dir)
	require.NoError(t, err)
	require.Empty(t, none, "a run of before")
	require.NoError(t, Append(dir, Entry{Event: Begun}))
	require.NoError(t, Append(dir, Entry{Event: Stopped, Step: 3}))
	path := filepath.Join(dir, File)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-9))
	require.NoError(t, Append(dir, Entry{Event: Continued, Step: 2}))
	all, err := Read(dir)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, Continued, all[1].Event)
}

func TestOnlyARegularFileIsAJournal(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(other, []byte("kept\n"), 0o600))
	if os.Symlink(other, filepath.Join(dir, File)) != nil {
		t.Skip("no links here")
	}
	require.Error(t, Append(dir, Entry{Event: Begun}))
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "kept\n", string(text))
}
