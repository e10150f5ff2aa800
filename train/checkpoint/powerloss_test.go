package checkpoint

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/internal/powerloss"
)

// live writes checkpoints as a run does: the files, the link to the best, then those too many are removed.
func live(t *testing.T, dir string, steps int, real *powerloss.Disk, d atomicfile.Disk) {
	for step := 1; step <= steps; step++ {
		files := map[string]atomicfile.Content{
			"state.json":        atomicfile.Bytes(fmt.Appendf(nil, "state of %d", step)),
			"model.safetensors": atomicfile.Bytes(bytes.Repeat([]byte{byte(step)}, 40)),
		}
		require.NoError(t, Write(d, dir, step, files))
		real.Acknowledge(Name(step))
		if step%2 == 1 {
			require.NoError(t, atomicfile.ReplaceLink(d, filepath.Join(dir, "best"), Name(step)))
			real.Acknowledge("best " + Name(step))
		}
		require.NoError(t, Prune(d, dir, 2, Name(step-1+step%2)))
	}
}

// intact returns an error if a directory after a loss of power breaks a promise.
func intact(dir string, said []string) error {
	names := List(dir)
	for _, name := range names {
		if err := Verify(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s has its final name: %w", name, err)
		}
	}
	best, _ := os.Readlink(filepath.Join(dir, "best"))
	if best != "" {
		if err := Verify(filepath.Join(dir, best)); err != nil {
			return fmt.Errorf("best leads to %s: %w", best, err)
		}
	}
	for _, what := range said {
		if to, ok := strings.CutPrefix(what, "best "); ok {
			if best < to {
				return fmt.Errorf("best is %q, %s was acknowledged", best, to)
			}
		} else if len(names) == 0 || names[len(names)-1] < what {
			return fmt.Errorf("%s was acknowledged, there are %v", what, names)
		}
	}
	Sweep(atomicfile.OS{}, dir)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			return fmt.Errorf("%s is not swept", e.Name())
		}
	}
	return err
}

// lose loses the power at every moment of a life on a disk that control makes worse.
func lose(
	t *testing.T, life int, lazy func(int) bool, control func(*powerloss.Disk) atomicfile.Disk,
) (syncs, states int, err error) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	dir := t.TempDir()
	d := powerloss.New(dir)
	d.Lazy = lazy
	live(t, dir, life, d, control(d))
	states, err = d.States(t.TempDir(), intact)
	return d.Syncs(), states, err
}

func same(d *powerloss.Disk) atomicfile.Disk { return d }

func TestPowerLossNeverLosesNorDamagesACheckpoint(t *testing.T) {
	_, states, err := lose(t, 5, nil, same)
	require.NoError(t, err)
	t.Logf("%d different states", states)
	require.Greater(t, states, 300)
}

// Each sync of a life is left out in turn: every one of them is needed.
func TestPowerLossFindsEachSyncThatIsLeftOut(t *testing.T) {
	all, _, _ := lose(t, 3, nil, same)
	for n := 1; n <= all; n++ {
		_, _, err := lose(t, 3, func(sync int) bool { return sync == n }, same)
		require.Error(t, err, "sync %d of %d", n, all)
	}
}

// removesInPlace does not rename what Prune removes.
type removesInPlace struct{ *powerloss.Disk }

func (d removesInPlace) Rename(from, to string) error {
	if strings.HasPrefix(filepath.Base(to), ".del-") {
		return nil
	}
	return d.Disk.Rename(from, to)
}

func (d removesInPlace) RemoveAll(path string) error {
	dir, name := filepath.Split(path)
	return d.Disk.RemoveAll(filepath.Join(dir, strings.TrimPrefix(name, ".del-")))
}

// writesInPlace writes a checkpoint under its final name, and a link after removing the old one.
type writesInPlace struct {
	*powerloss.Disk
	checkpoints, links bool
}

func (d writesInPlace) Rename(from, to string) error {
	if d.links && filepath.Base(to) == "best" {
		if err := d.Disk.RemoveAll(to); err != nil && !os.IsNotExist(err) {
			return err
		}
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return d.Disk.Symlink(target, to)
	}
	if !d.checkpoints || !strings.HasPrefix(filepath.Base(to), prefix) {
		return d.Disk.Rename(from, to)
	}
	made, err := d.Disk.MkdirTemp(filepath.Dir(to), "in-place-")
	if err != nil {
		return err
	}
	if err := d.Disk.Rename(made, to); err != nil { // an empty directory under the final name
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		content := func(w io.Writer) error {
			text, err := os.ReadFile(filepath.Join(from, e.Name()))
			if err == nil {
				_, err = w.Write(text)
			}
			return err
		}
		if err := d.Disk.WriteFile(filepath.Join(to, e.Name()), content); err != nil {
			return err
		}
	}
	return d.Disk.SyncDir(to)
}

func TestPowerLossFindsWhatIsNotRenamed(t *testing.T) {
	for name, control := range map[string]func(*powerloss.Disk) atomicfile.Disk{
		"removed in place":    func(d *powerloss.Disk) atomicfile.Disk { return removesInPlace{d} },
		"checkpoint in place": func(d *powerloss.Disk) atomicfile.Disk { return writesInPlace{d, true, false} },
		"link in place":       func(d *powerloss.Disk) atomicfile.Disk { return writesInPlace{d, false, true} },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := lose(t, 3, nil, control)
			require.Error(t, err)
			t.Log(err)
		})
	}
}
