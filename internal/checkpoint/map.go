package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"

	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// ErrAddresses is the error of a file that this process cannot map: it may not have so many addresses.
var ErrAddresses = errors.New("the limit on this process's addresses (ulimit -v, or a job's virtual memory) leaves " +
	"no room")

// Map maps the file at path into memory, or reads it where that is not possible. It refuses a stand-in for a file, such
// as a pointer of git LFS. A mapped file must keep its length until release is called; the bytes are not valid
// afterwards. The release of a file that was read is nil.
func Map(path string) (data []byte, release func() error, err error) {
	f, err := readfile.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if data, release, err = load(f, info.Size()); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := identify.Damage(data); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open %s: %w", path, err), done(release))
	}
	return data, release, nil
}

// read reads the whole file into ordinary memory; it is load's plain twin.
func read(f *os.File) ([]byte, func() error, error) {
	data, err := io.ReadAll(f)
	return data, nil, err
}

// done calls a release that may be nil.
func done(release func() error) error {
	if release == nil {
		return nil
	}
	return release()
}
