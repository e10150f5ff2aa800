package checkpoint

import (
	"fmt"
	"io"
	"os"
)

// Map maps the file at path into memory, or reads it where that is not possible. A mapped file must keep its length
// until release is called; the bytes are not valid afterwards.
func Map(path string) (data []byte, release func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("open %s: not a regular file", path)
	}
	if data, release, err = load(f, info.Size()); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	return data, release, nil
}

// read reads the whole file into ordinary memory; it is load's plain twin.
func read(f *os.File) ([]byte, func() error, error) {
	data, err := io.ReadAll(f)
	return data, func() error { return nil }, err
}
