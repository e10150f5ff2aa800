//go:build unix

package builtin

import (
	"io/fs"
	"os"
	"syscall"
)

// ours reports whether a directory belongs to the user and nobody else can write to it.
func ours(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Getuid() && info.Mode().Perm()&0o022 == 0
}
