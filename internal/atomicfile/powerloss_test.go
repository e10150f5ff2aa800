package atomicfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/internal/powerloss"
)

// inPlace replaces files by removing and writing them.
type inPlace struct{ *powerloss.Disk }

func (d inPlace) Rename(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := d.Disk.RemoveAll(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	return d.Disk.WriteFile(to, atomicfile.Bytes(text))
}

func replaced(t *testing.T, lazy func(int) bool, control func(*powerloss.Disk) atomicfile.Disk) (syncs int, err error) {
	dir := t.TempDir()
	d := powerloss.New(dir)
	d.Lazy = lazy
	for version := 1; version <= 3; version++ {
		text := fmt.Sprintf("version %d", version)
		require.NoError(t, atomicfile.Replace(control(d), filepath.Join(dir, "file"), atomicfile.Bytes([]byte(text))))
		d.Acknowledge(text)
	}
	_, err = d.States(t.TempDir(), func(dir string, said []string) error {
		text, err := os.ReadFile(filepath.Join(dir, "file"))
		if len(said) == 0 && os.IsNotExist(err) {
			return nil
		}
		for version := max(1, len(said)); version <= 3; version++ {
			if string(text) == fmt.Sprintf("version %d", version) {
				return nil
			}
		}
		return fmt.Errorf("the file holds %q, %v", text, err)
	})
	return d.Syncs(), err
}

func TestPowerLossLeavesTheOldContentOrTheNew(t *testing.T) {
	same := func(d *powerloss.Disk) atomicfile.Disk { return d }
	all, err := replaced(t, nil, same)
	require.NoError(t, err)
	require.Equal(t, 6, all)
	for n := 1; n <= all; n++ {
		_, err := replaced(t, func(sync int) bool { return sync == n }, same)
		require.Error(t, err, "sync %d is left out", n)
	}
	_, err = replaced(t, nil, func(d *powerloss.Disk) atomicfile.Disk { return inPlace{d} })
	require.Error(t, err, "in place")
}
