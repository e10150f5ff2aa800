package train

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"fettle/internal/readfile"
)

// LockFile is the name of the file in a run's directory whose lock the run holds.
const LockFile = ".lock"

// Lock takes the output directory for this process until unlock is called or the process ends, however it ends. The
// lock file says who has it; the error is ErrBusy if another process does.
func Lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, LockFile)
	l := flock.New(path)
	ok, err := l.TryLock()
	if err == nil && !ok { // Held holds it for a moment
		time.Sleep(50 * time.Millisecond)
		ok, err = l.TryLock()
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		about := ""
		if o := owner(path); o.Process != 0 {
			about = ": " + o.String()
		}
		return nil, fmt.Errorf("%s: %w%s. Where no such process runs, on a network disk, remove %s", dir, ErrBusy,
			about, path)
	}
	host, _ := os.Hostname()
	about := fmt.Sprintf("%d %s %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	_ = os.WriteFile(path, []byte(about), 0o600)
	return l.Unlock, nil
}

// Owner is the process that holds a lock.
type Owner struct {
	Process int    `json:"process,omitempty"` // 0: the lock file does not tell
	Host    string `json:"host,omitempty"`
	Since   string `json:"since,omitempty"`
}

func (o Owner) String() string {
	return fmt.Sprintf("process %d on %s, since %s", o.Process, o.Host, o.Since)
}

// owner reads a lock file. It is only advice: some systems let nobody else read it.
func owner(path string) (o Owner) {
	text, _ := readfile.Whole(path, 1<<10)
	n, _ := fmt.Sscanf(strings.TrimSpace(string(text)), "%d %s %s", &o.Process, &o.Host, &o.Since)
	if n != 3 {
		return Owner{}
	}
	return o
}

// Held reports whether a process holds the lock of a run's directory, and which. The error says why that cannot be
// known.
func Held(dir string) (o Owner, held bool, err error) {
	path := filepath.Join(dir, LockFile)
	if _, err := os.Stat(path); err != nil {
		return o, false, nil
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	switch {
	case err != nil:
		return o, false, err
	case free:
		return o, false, l.Unlock()
	}
	return owner(path), true, nil
}
