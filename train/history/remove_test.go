//go:build unix

package history

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/train"
	"fettle/train/checkpoint"
	"fettle/train/journal"
)

// names lists a directory.
func names(t *testing.T, path ...string) (all []string) {
	entries, err := os.ReadDir(filepath.Join(path...))
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestARunIsRemovedAndNothingElse(t *testing.T) {
	top := t.TempDir()
	run, beside, precious := filepath.Join(top, "run [1]"), filepath.Join(top, "beside"), filepath.Join(top, "precious")
	trained(t, run, 0, false)
	copied(t, run, top, "beside")
	write(t, "kept", precious, "file")
	r, err := NewRemoval(run, true)
	require.NoError(t, err)
	require.Empty(t, r.Stays)
	require.Equal(t, r.Bytes-int64(lockBytes(t, run)), r.Size)
	require.NoError(t, r.Do(atomicfile.OS{}))
	require.NoDirExists(t, run)

	// What others have put there stays, with the directory, and what links lead to.
	write(t, "mine", beside, "notes.md")
	write(t, "mine", beside, "merged", "model.safetensors")
	write(t, "mine", beside, checkpoint.Name(4), "notes.md")
	write(t, "mine", beside, "tensorboard", "events.out.tfevents.mine")
	require.NoError(t, os.RemoveAll(filepath.Join(beside, checkpoint.Name(2))))
	require.NoError(t, os.Symlink(precious, filepath.Join(beside, checkpoint.Name(2))))
	require.NoError(t, os.Remove(filepath.Join(beside, "report.html")))
	require.NoError(t, os.Symlink(filepath.Join(precious, "file"), filepath.Join(beside, "report.html")))
	r, err = NewRemoval(beside, true)
	require.NoError(t, err)
	stays := []string{checkpoint.Name(2), checkpoint.Name(4), "merged", "notes.md", "report.html", "tensorboard"}
	require.Equal(t, stays, r.Stays)
	require.NoError(t, r.Do(atomicfile.OS{}))
	require.Equal(t, stays, names(t, beside))
	require.Equal(t, []string{"file"}, names(t, precious))
	_, err = NewRemoval(beside, true)
	require.ErrorIs(t, err, nil) // a checkpoint is left of the run
}

func lockBytes(t *testing.T, run string) int64 {
	info, err := os.Stat(filepath.Join(run, train.LockFile))
	require.NoError(t, err)
	return info.Size()
}

func TestCheckpointsAreRemovedAndTheResultStays(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	trained(t, run, 0, false)
	r, err := NewRemoval(run, false)
	require.NoError(t, err)
	require.Equal(t, 3, r.Checkpoints)
	require.NoError(t, r.Do(atomicfile.OS{}))
	require.Empty(t, checkpoint.List(run))
	require.NotContains(t, names(t, run), "best")
	before := r.Run
	d, err := Open(run, true)
	require.NoError(t, err)
	require.Equal(t, Finished, d.State)
	require.Equal(t, []any{before.Step, before.Loss, before.BestLoss, before.EvalLoss},
		[]any{d.Step, d.Loss, d.BestLoss, d.EvalLoss})
	require.Equal(t, journal.Pruned, d.Journal[len(d.Journal)-1].Event)
	require.NotEmpty(t, d.Origin.Hashes.Training)
	whole, err := NewRemoval(run, true)
	require.NoError(t, err)
	require.Empty(t, whole.Stays, "the journal knows the files of the result")

	unfinished := filepath.Join(t.TempDir(), "run")
	trained(t, unfinished, 2, false)
	_, err = NewRemoval(unfinished, false)
	require.ErrorIs(t, err, train.ErrRefused)
}

func TestLinksToRunsAreNotRemoved(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	trained(t, run, 2, false)
	link := filepath.Join(t.TempDir(), "latest")
	require.NoError(t, os.Symlink(run, link))
	for _, path := range []string{link, link + string(filepath.Separator)} {
		_, err := NewRemoval(path, true)
		require.ErrorIs(t, err, train.ErrRefused)
		require.ErrorContains(t, err, run)
	}
}

func TestTheRunOfTheCurrentDirectoryIsRemoved(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	trained(t, run, 2, false)
	t.Chdir(run)
	r, err := NewRemoval(".", true)
	require.NoError(t, err)
	require.NoError(t, r.Do(atomicfile.OS{}))
	require.NoDirExists(t, run)
}

var errDisk = errors.New("the disk fails")

// failing fails its call number left, and all after it, as if the machine had stopped.
type failing struct {
	atomicfile.OS
	left *int
}

func (f failing) fails() bool { *f.left--; return *f.left <= 0 }

func (f failing) Rename(from, to string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.Rename(from, to)
}

func (f failing) SyncDir(path string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.SyncDir(path)
}

func (f failing) RemoveAll(path string) error {
	if f.fails() {
		return errDisk
	}
	return f.OS.RemoveAll(path)
}

// Wherever a removal is interrupted, no checkpoint that is left under its name is damaged, the rest is known as a run,
// and the same command ends it.
func TestAnInterruptedRemovalIsEndedByAnother(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	trained(t, run, 0, false)
	for n := 1; ; n++ {
		path, left := copied(t, run, t.TempDir(), "run"), n
		r, err := NewRemoval(path, true)
		require.NoError(t, err)
		err = r.Do(failing{left: &left})
		if left > 0 {
			require.NoError(t, err)
			require.Greater(t, n, 2*len(r.Goes), "every rename and every removal has failed once")
			return
		}
		if err == nil {
			continue // the last sweep never fails
		}
		require.ErrorIs(t, err, errDisk)
		for _, name := range checkpoint.List(path) {
			require.NoError(t, checkpoint.Verify(filepath.Join(path, name)))
		}
		again, err := NewRemoval(path, true)
		require.NoError(t, err, "call %d of %v", n, names(t, path))
		require.NoError(t, again.Do(atomicfile.OS{}))
		require.NoDirExists(t, path)
	}
}
