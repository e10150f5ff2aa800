//go:build !unix

package builtin

import "io/fs"

// ours trusts the system: caches and temporary files are each user's own.
func ours(fs.FileInfo) bool { return true }
