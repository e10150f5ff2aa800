package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
)

// Key is an entry of a file's metadata. The Go type of its value is its type in the file: uint8 to uint64, int8 to
// int64, float32, float64, bool, string, or a slice of one of these. An int has no width and is refused.
type Key struct {
	Name  string
	Value any
}

// Write replaces the file at path, whole or not at all, by one that Encode writes.
func Write(path string, keys []Key, tensors []checkpoint.Lazy) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Encode(w, keys, tensors) })
}

// Encode writes a file of version 3: the keys and the tensors in the order given, then the tensors' data one after the
// other, each from a multiple of general.alignment, 32 unless it is among the keys. The header is checked before the
// first byte is written, and a tensor's data while they are written.
func Encode(w io.Writer, keys []Key, tensors []checkpoint.Lazy) error {
	header, align, err := encodeHeader(keys, tensors)
	if err != nil {
		return fmt.Errorf("write gguf: %w", err)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	pad := func(at uint64) { out.Write(make([]byte, padding(at, align))) } // its error comes again at the next write
	out.Write(header)
	pad(uint64(len(header)))
	for _, t := range tensors {
		if err := t.To(out); err != nil {
			return fmt.Errorf("write gguf: tensor %s: %w", t.Name, err)
		}
		size, _ := t.Type.Bytes(t.Shape)
		pad(size)
	}
	return out.Flush()
}

// padding returns the bytes from at to a multiple of align.
func padding(at, align uint64) uint64 { return (align - at%align) % align }

// maxName is the longest name of a tensor that llama.cpp reads.
const maxName = 63

// encodeHeader returns all that comes before the data, and the alignment.
func encodeHeader(keys []Key, tensors []checkpoint.Lazy) (header []byte, align uint64, err error) {
	le := binary.LittleEndian
	header = le.AppendUint32([]byte("GGUF"), 3)
	header = le.AppendUint64(header, uint64(len(tensors)))
	header = le.AppendUint64(header, uint64(len(keys)))
	seen := map[string]bool{}
	align = alignTo
	for _, k := range keys {
		if seen[k.Name] || k.Name == "" {
			return nil, 0, fmt.Errorf("key %q occurs twice or is empty", k.Name)
		}
		seen[k.Name] = true
		if header, err = appendValue(appendText(header, k.Name), k.Value); err != nil {
			return nil, 0, fmt.Errorf("key %s: %w", k.Name, err)
		}
		if k.Name == alignKey {
			n, ok := k.Value.(uint32)
			if !ok {
				return nil, 0, fmt.Errorf("%s is of type %T, want uint32", alignKey, k.Value)
			}
			align = uint64(n)
		}
	}
	if !aligns(align) {
		return nil, 0, fmt.Errorf("%s is %d, want a power of two up to 2^20", alignKey, align)
	}
	clear(seen)
	at := uint64(0)
	for _, t := range tensors {
		if seen[t.Name] || t.Name == "" || len(t.Name) > maxName {
			return nil, 0, fmt.Errorf("tensor %q: want names of 1 to %d bytes that occur once", t.Name, maxName)
		}
		seen[t.Name] = true
		number, ok := typeNumber(t.Type)
		size, err := t.Type.Bytes(t.Shape)
		switch {
		case !ok:
			return nil, 0, fmt.Errorf("tensor %s: type %s does not exist in GGUF", t.Name, t.Type)
		case err != nil:
			return nil, 0, fmt.Errorf("tensor %s: %w", t.Name, err)
		case len(t.Shape) > maxDims:
			return nil, 0, fmt.Errorf("tensor %s: shape %v, want at most %d dimensions", t.Name, t.Shape, maxDims)
		}
		header = le.AppendUint32(appendText(header, t.Name), uint32(len(t.Shape)))
		for i := range t.Shape {
			header = le.AppendUint64(header, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		header = le.AppendUint32(header, number)
		header = le.AppendUint64(header, at)
		at += size + padding(size, align)
	}
	return header, align, nil
}

// typeNumber returns the number of an element type in the file.
func typeNumber(t checkpoint.Type) (uint32, bool) {
	for number, name := range types {
		if name == t {
			return number, true
		}
	}
	return 0, false
}
