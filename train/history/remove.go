package history

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/train"
	"fettle/train/checkpoint"
	"fettle/train/journal"
	"fettle/train/report"
)

// Removal is what the removal of a run, or of its checkpoints, takes away and leaves.
type Removal struct {
	Run
	Goes        []string // names in the run's directory, in the order in which they go
	Stays       []string // what is not the run's, or is its result
	Size        int64    // bytes that go
	Checkpoints int      // that go
	Whole       bool     // the run goes, not its checkpoints alone
}

// NewRemoval plans the removal of a whole run, or of its checkpoints alone. It refuses runs that are running (with
// train.ErrBusy), links to runs, and checkpoints without which nothing would be left.
func NewRemoval(path string, whole bool) (*Removal, error) {
	if info, err := os.Lstat(filepath.Clean(path)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		target, _ := filepath.EvalSymlinks(path)
		return nil, fmt.Errorf("%s: %w: it is a link to %s; name that", path, train.ErrRefused, target)
	}
	d, err := open(path)
	if err != nil {
		return nil, err
	}
	r := &Removal{Run: d.run(), Whole: whole}
	if r.State == Running {
		unlock, err := train.Lock(path)
		if err == nil { // it has ended meanwhile
			unlock()
			return NewRemoval(path, whole)
		}
		return nil, err
	}
	if !whole && r.State != Finished {
		return nil, fmt.Errorf("%s: %w: the run is %s, and without its checkpoints nothing of it would be left; without "+
			"--checkpoints all of it is removed", path, train.ErrRefused, r.State)
	}
	d.sort(r)
	return r, nil
}

// sort divides what the directory holds into what goes and what stays.
func (d *dir) sort(r *Removal) {
	for _, name := range d.names {
		path := filepath.Join(d.path, name)
		info, err := os.Lstat(path)
		switch {
		case err != nil, name == train.LockFile, name == train.OwnerFile:
			continue
		case checkpoint.IsLitter(name): // swept at the end
		case d.isCheckpoint(name, info):
			r.Goes = append(r.Goes, name)
			r.Checkpoints++
		case name == bestLink && info.Mode()&fs.ModeSymlink != 0, r.Whole && d.isOwn(name, info):
			r.Goes = append(r.Goes, name)
		default:
			r.Stays = append(r.Stays, name)
			continue
		}
		r.Size += size(path)
	}
	last := lastToGo()
	slices.SortStableFunc(r.Goes, func(a, b string) int { return slices.Index(last, a) - slices.Index(last, b) })
}

// lastToGo lists the files by which the rest of a run is known as one until the end of its removal.
func lastToGo() []string { return []string{report.LogFile, journal.File, settingsFile} }

// isCheckpoint reports whether an entry of the directory is a checkpoint, and holds nothing but what a run writes.
func (d *dir) isCheckpoint(name string, info fs.FileInfo) bool {
	if !info.IsDir() || !slices.Contains(d.checkpoints, name) {
		return false
	}
	files, err := checkpoint.Files(filepath.Join(d.path, name))
	if err != nil { // its manifest is damaged
		files = slices.Concat(files, d.owned(), train.CheckpointFiles())
	}
	return d.holdsOnly(name, files...)
}

// isOwn reports whether an entry of the directory is the run's, and no checkpoint.
func (d *dir) isOwn(name string, info fs.FileInfo) bool {
	if board, file := filepath.Split(report.TensorBoardFile); info.IsDir() {
		return name == filepath.Clean(board) && d.holdsOnly(name, file)
	}
	return info.Mode().IsRegular() && slices.Contains(d.owned(), name)
}

// owned lists the files that the run has written to its directory.
func (d *dir) owned() []string {
	names := []string{settingsFile, report.LogFile, journal.File, report.PageFile, report.TrainerStateFile,
		adapter.RecordFile, adapter.ConfigFile, adapter.WeightsFile}
	for _, name := range d.checkpoints { // the result has the files of a checkpoint
		files, err := checkpoint.Files(filepath.Join(d.path, name))
		if err == nil {
			names = append(names, files...)
		}
	}
	for _, e := range d.journal {
		names = append(names, e.Files...)
	}
	return names
}

// holdsOnly reports whether a directory in the run's holds no others than these files.
func (d *dir) holdsOnly(name string, files ...string) bool {
	entries, err := os.ReadDir(filepath.Join(d.path, name))
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || !slices.Contains(files, e.Name())
	})
}

// Do removes what goes: all of it is renamed before anything is removed, so that half a run never looks like a whole
// one, and an interrupted removal is seen and ended by another. The directory goes too if nothing is left in it.
func (r *Removal) Do(d atomicfile.Disk) error {
	unlock, err := train.Lock(r.Path)
	if err != nil {
		return err
	}
	defer unlock()
	if !r.Whole {
		journal.Append(r.Path, journal.Entry{Time: time.Now().UTC().Truncate(time.Second), Event: journal.Pruned,
			Step: r.Step, Steps: r.Steps})
	}
	there := slices.DeleteFunc(slices.Clone(r.Goes), func(name string) bool {
		_, err := os.Lstat(filepath.Join(r.Path, name))
		return err != nil
	})
	if err := checkpoint.Remove(d, r.Path, there); err != nil {
		return err
	}
	checkpoint.Sweep(d, r.Path)
	if !r.Whole {
		return nil
	}
	lock := filepath.Join(r.Path, train.LockFile)
	if os.Remove(lock) != nil { // Windows keeps open files
		unlock()
		os.Remove(lock)
	}
	if len(r.Stays) > 0 {
		return nil
	}
	dir, err := filepath.Abs(r.Path) // "." has no name to remove
	if err != nil {
		return err
	}
	return os.Remove(dir) // fails if something came meanwhile
}
