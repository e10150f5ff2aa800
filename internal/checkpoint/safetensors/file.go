// Package safetensors reads and writes the safetensors file format:
//
//	8 bytes   little-endian length N of the header
//	N bytes   JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {"key": "value"}}
//	the rest  data; offsets count from its first byte
//
// A file is not trusted: everything in its header is checked before use, and no input makes this package panic.
package safetensors

import (
	"fmt"
	"maps"
	"slices"

	"fettle/internal/checkpoint"
	"fettle/internal/identify"
)

// File holds an open file. Its tensors are valid until Close.
type File struct {
	tensors  map[string]checkpoint.Tensor
	metadata map[string]string
	release  func() error
}

// Open maps the file at path into memory, or reads it where that is not possible, and checks its header. A mapped file
// must keep its length while it is open.
func Open(path string) (*File, error) {
	data, release, err := checkpoint.Map(path)
	if err != nil {
		return nil, err
	}
	file, err := Parse(data)
	if err != nil {
		if c := identify.Head(data); c != identify.Unknown && c != identify.Safetensors {
			err = fmt.Errorf("it is %s, want a safetensors file", c)
		}
		release()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	file.release = release
	return file, nil
}

// Names lists the tensors, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.tensors)) }

// Tensor returns the tensor of a name.
func (f *File) Tensor(name string) (checkpoint.Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

// Metadata returns the free-form part of the header, never nil.
func (f *File) Metadata() map[string]string { return f.metadata }

// Close releases the file's memory; its tensors are not valid afterwards.
func (f *File) Close() error {
	if f.release == nil {
		return nil
	}
	release := f.release
	f.release, f.tensors = nil, nil
	return release()
}
