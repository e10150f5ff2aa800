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

// lock takes the output directory for this process until unlock is called or the process ends, however it ends. The
// lock file says who has it.
func lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, ".lock")
	l := flock.New(path)
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		text, _ := readfile.Whole(path, 1<<10) // only advice: some systems let nobody else read it
		return nil, fmt.Errorf("%s: %w%s. Where no such process runs, on a network disk, remove %s", dir, ErrBusy,
			owner(string(text)), path)
	}
	host, _ := os.Hostname()
	about := fmt.Sprintf("%d %s %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	_ = os.WriteFile(path, []byte(about), 0o600)
	return l.Unlock, nil
}

// owner describes the process that wrote a lock file, "" if it says nothing.
func owner(about string) string {
	var pid int
	var host, since string
	if n, _ := fmt.Sscanf(strings.TrimSpace(about), "%d %s %s", &pid, &host, &since); n != 3 {
		return ""
	}
	return fmt.Sprintf(": process %d on %s, since %s", pid, host, since)
}
