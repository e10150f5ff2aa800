//go:build !unix

package atomicfile

import "io/fs"

// ours and shared trust the system: caches and temporary files are each user's own.
func ours(fs.FileInfo) bool { return true }

func shared(fs.FileInfo) bool { return false }
