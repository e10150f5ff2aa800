//go:build !windows

package train

import "os"

func syncDir(f *os.File) error { return f.Sync() }
