//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

// ours reports whether a file belongs to the user.
func ours(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Getuid()
}

// shared reports whether others can write to a file.
func shared(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
