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

	"fettle/internal/checkpoint"
	"fettle/internal/identify"
)

// File holds an open file.
type File struct {
	checkpoint.Tensors
	metadata map[string]string
}

// Open opens the file at path and checks its header.
func Open(path string) (*File, error) {
	return checkpoint.Open(path, func(data []byte) (*File, error) {
		f, err := Parse(data)
		if c := identify.Head(data); err != nil && c != identify.Unknown && c != identify.Safetensors {
			err = fmt.Errorf("it is %s, want a safetensors file", c)
		}
		return f, err
	})
}

// Metadata returns the free-form part of the header, never nil.
func (f *File) Metadata() map[string]string { return f.metadata }
