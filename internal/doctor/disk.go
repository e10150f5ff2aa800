package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"fettle/internal/atomicfile"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/readfile"
)

// Place is a directory that a run writes to.
type Place struct {
	Name string // for people
	Dir  string // or the nearest one above it that exists
	Must bool   // a run cannot do without it
	Made bool   // a run makes it where it is missing
}

// Disk adds what each of some places is on, and whether it works there as runs need it: a short test in a temporary
// directory.
func (r *Report) Disk(places ...Place) {
	r.Begin("Disk")
	for _, p := range places {
		r.place(p)
	}
}

func (r *Report) place(p Place) {
	where, err := existing(p)
	var took, skew time.Duration
	if err == nil {
		took, skew, err = tryDisk(where)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %w", p.Dir, ErrDisk, err)
		if !p.Must {
			r.Note(p.Name, "a run does without it, and is slower to begin", "%v", err)
			return
		}
		r.Problem(p.Name, err, "choose another directory: checkpoints need files that can be synced, renamed and locked")
		return
	}
	kind, text := machine.FileSystem(where), ""
	if p.Dir != "." {
		text = p.Dir + ": "
	}
	if free, ok := machine.AvailableDisk(where); ok {
		text += human.Bytes(free) + " free, "
	}
	if kind != "" {
		text += kind + "; "
	}
	text += fmt.Sprintf("write, sync, rename and lock work, in %s", Brief(took))
	switch {
	case p.Must && slices.Contains([]string{"tmpfs", "ramfs"}, kind):
		r.Note(p.Name, "this is memory: what is written here is gone when the machine restarts", "%s", text)
	case took > 2*time.Second:
		r.Note(p.Name, "a slow disk: every checkpoint waits for it; --save_steps makes fewer", "%s", text)
	case skew > time.Minute || skew < -time.Minute:
		r.Note(p.Name, "the clocks of this machine and of the disk's differ", "%s; files are dated %s off", text,
			human.Duration(skew.Abs()))
	default:
		r.OK(p.Name, "%s", text)
	}
}

// Brief writes a time that may be short.
func Brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return human.Duration(d)
}

// existing returns a place, or the nearest directory above it that exists if a run makes the place.
func existing(p Place) (string, error) {
	for path := p.Dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return "", fmt.Errorf("%s is a file, want a directory", path)
		case err == nil:
			return path, nil
		case !p.Made || filepath.Dir(path) == path:
			return "", err
		}
	}
}

// tryDisk does below dir what saving a checkpoint does, and returns how long it took and how far the disk's clock is
// ahead.
func tryDisk(dir string) (took, skew time.Duration, err error) {
	d := atomicfile.OS{}
	began := time.Now()
	temporary, err := d.MkdirTemp(dir, TemporaryPattern)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, d.RemoveAll(temporary)) }()
	file, content := filepath.Join(temporary, "file"), make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i * i >> 3)
	}
	for _, text := range [][]byte{content[1:], content} { // the second replaces the first
		if err := atomicfile.Replace(d, file, atomicfile.Bytes(text)); err != nil {
			return 0, 0, err
		}
	}
	read, err := readfile.Whole(file, int64(len(content)))
	if err != nil {
		return 0, 0, err
	}
	if !slices.Equal(read, content) {
		return 0, 0, errors.New("a file does not have the bytes that were written to it")
	}
	if err := tryLock(filepath.Join(temporary, "lock")); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	if info, err := os.Stat(file); err == nil {
		skew = info.ModTime().Sub(began)
	}
	return took, skew, nil
}

// TemporaryPattern names the directories of tests. One that a killed test left can be deleted.
const TemporaryPattern = ".fettle-doctor-*"

// tryLock requires that a lock keeps a second one out, and no longer than it is held.
func tryLock(path string) error {
	a, b := flock.New(path), flock.New(path)
	for i, step := range []struct {
		try  func() (bool, error)
		want bool
	}{
		{a.TryLock, true}, {b.TryLock, false}, {func() (bool, error) { return true, a.Unlock() }, true}, {b.TryLock, true},
		{func() (bool, error) { return true, b.Unlock() }, true},
	} {
		got, err := step.try()
		if err != nil {
			return fmt.Errorf("lock a file: %w", err)
		}
		if got != step.want {
			return fmt.Errorf("locks do not keep others out (step %d)", i+1)
		}
	}
	return nil
}
