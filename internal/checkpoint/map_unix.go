//go:build unix

package checkpoint

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// load maps the file read-only, or reads it where the file system cannot map it.
func load(f *os.File, size int64) ([]byte, func() error, error) {
	if size > 0 && int64(int(size)) == size {
		data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		switch {
		case err == nil:
			return data, func() error { return unix.Munmap(data) }, nil
		case errors.Is(err, unix.ENOMEM):
			return nil, nil, fmt.Errorf("%w for its %d MiB", ErrAddresses, size>>20)
		}
	}
	return read(f)
}
