//go:build linux || darwin

package machine

import "golang.org/x/sys/unix"

// AvailableDisk returns the bytes that can be written below a directory that exists.
func AvailableDisk(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
