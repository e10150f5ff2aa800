package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"fettle/internal/readfile"
)

// LockFile is the name of the file in a run's directory whose lock the run holds.
const LockFile = ".lock"

// OwnerFile is there while a run goes on, on file systems without locks.
const OwnerFile = ".lock-owner"

// Lock takes the output directory for this process until unlock is called or the process ends, however it ends. The
// lock file says who has it; the error is ErrBusy if another process does. On a file system without locks OwnerFile is
// the lock, which only unlock removes.
func Lock(dir string) (unlock func() error, err error) {
	return take(dir, tryLock, func(string) {})
}

// tryLock takes the lock of a file if it is free.
func tryLock(path string) (unlock func() error, ok bool, err error) {
	l := flock.New(path)
	if ok, err = l.TryLock(); err == nil && !ok { // Held holds it for a moment
		time.Sleep(50 * time.Millisecond)
		ok, err = l.TryLock()
	}
	return l.Unlock, ok, err
}

// take is Lock by a function such as tryLock, with one that warns.
func take(
	dir string, try func(path string) (unlock func() error, ok bool, err error), warn func(text string),
) (unlock func() error, err error) {
	path := filepath.Join(dir, LockFile)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // another's, which must not be written to
		return nil, fmt.Errorf("lock %s: %s is a link, or no file: remove it", dir, path)
	}
	unlock, ok, err := try(path)
	switch {
	case errors.Is(err, syscall.ENOLCK) || errors.Is(err, errors.ErrUnsupported):
		warn(fmt.Sprintf("The file system of %s has no locks (%v). %s stands for one: a run that is killed leaves it "+
			"behind.", dir, err, OwnerFile))
		return takeFile(dir)
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	case !ok:
		return nil, busy(dir, path)
	}
	if o := owner(filepath.Join(dir, OwnerFile)); o.Process != 0 { // of a machine that has no locks there
		unlock()
		return nil, busy(dir, filepath.Join(dir, OwnerFile))
	}
	_ = os.WriteFile(path, []byte(self().line()), 0o600)
	return unlock, nil
}

// takeFile is take by a file that must not be there.
func takeFile(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, OwnerFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, busy(dir, path)
	}
	if err == nil {
		_, err = f.WriteString(self().line())
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() error { return os.Remove(path) }, nil
}

// busy says who has a directory by the file at path, and what to do.
func busy(dir, path string) error {
	o := owner(path)
	who := o.String()
	if o.Process == 0 {
		who = "its lock file does not say which process"
	}
	advice := "stop it, or choose another output_dir"
	switch here := self(); {
	case o.Process != 0 && o.Host != here.Host:
		advice = fmt.Sprintf("stop it on %s, or choose another output_dir. If no such process runs there, its lock was left "+
			"behind on a shared file system: remove %s", o.Host, path)
	case o.Process != 0 && !runs(o.Process):
		advice = fmt.Sprintf("no such process runs here any more, so that the lock was left behind: remove %s", path)
	}
	return fmt.Errorf("%s: %w: %s: %s", dir, ErrBusy, who, advice)
}

// Owner is the process that holds a lock.
type Owner struct {
	Process int    `json:"process,omitempty"` // 0: the lock file does not tell
	Host    string `json:"host,omitempty"`
	Since   string `json:"since,omitempty"`
}

// self is this process.
func self() Owner {
	host, _ := os.Hostname()
	return Owner{os.Getpid(), host, time.Now().UTC().Format(time.RFC3339)}
}

func (o Owner) String() string {
	return fmt.Sprintf("process %d on %s, since %s", o.Process, o.Host, o.Since)
}

// line is what a lock file holds.
func (o Owner) line() string { return fmt.Sprintf("%d %s %s\n", o.Process, o.Host, o.Since) }

// owner reads a lock file. It is only advice: some systems let nobody else read it.
func owner(path string) (o Owner) {
	text, _ := readfile.Whole(path, 1<<10)
	n, _ := fmt.Sscanf(strings.TrimSpace(string(text)), "%d %s %s", &o.Process, &o.Host, &o.Since)
	if n != 3 {
		return Owner{}
	}
	return o
}

// runs reports whether a process of this machine may be running.
func runs(process int) bool {
	p, err := os.FindProcess(process)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}

// Held reports whether a process holds the lock of a run's directory, and which. The error says why that cannot be
// known.
func Held(dir string) (o Owner, held bool, err error) {
	if o = owner(filepath.Join(dir, OwnerFile)); o.Process != 0 {
		return o, true, nil
	}
	path := filepath.Join(dir, LockFile)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // nor can a run hold another's, see take
		return o, false, nil
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	switch {
	case errors.Is(err, syscall.ENOLCK) || errors.Is(err, errors.ErrUnsupported): // OwnerFile is the lock
		return o, false, nil
	case err != nil:
		return o, false, err
	case free:
		return o, false, l.Unlock()
	}
	return owner(path), true, nil
}
