// Package gguf reads and writes the GGUF file format of llama.cpp, version 2 and 3, little-endian:
//
//	"GGUF", version, number of tensors, number of keys
//	keys      name, type, value
//	tensors   name, dimensions, innermost first, type, offset
//	the rest  data, from the next multiple of general.alignment; offsets count from there
//
// A file is not trusted: everything in its header is checked before use, and no input makes this package panic or
// reserve more than a small multiple of the file's size.
package gguf

import (
	"cmp"
	"errors"
	"fmt"

	"fettle/internal/checkpoint"
	"fettle/internal/identify"
)

// File holds an open file. The shapes of its tensors are in the usual order, the innermost dimension last.
type File struct {
	checkpoint.Tensors
	Metadata Metadata
}

// Open opens the file at path and checks its header.
func Open(path string) (*File, error) { return checkpoint.Open(path, Parse) }

// types lists the element types by their numbers in the file; others are not supported.
var types = map[uint32]checkpoint.Type{
	0: checkpoint.F32, 1: checkpoint.F16, 2: checkpoint.Q4_0, 3: checkpoint.Q4_1, 6: checkpoint.Q5_0, 7: checkpoint.Q5_1,
	8: checkpoint.Q8_0, 10: checkpoint.Q2_K, 11: checkpoint.Q3_K, 12: checkpoint.Q4_K, 13: checkpoint.Q5_K,
	14: checkpoint.Q6_K, 20: checkpoint.IQ4_NL, 23: checkpoint.IQ4_XS, 24: checkpoint.I8, 25: checkpoint.I16,
	26: checkpoint.I32, 27: checkpoint.I64, 28: checkpoint.F64, 30: checkpoint.BF16,
}

// unsupported names the other types that files in circulation have.
var unsupported = map[uint32]string{
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M", 34: "TQ1_0",
	35: "TQ2_0", 39: "MXFP4",
}

// Bounds of a header.
const (
	maxDims  = 4
	alignTo  = 32 // general.alignment, where a file leaves it out
	alignKey = "general.alignment"
)

// Parse reads a whole file from memory. The tensors' data are windows into data.
func Parse(data []byte) (*File, error) {
	if c := identify.Head(data); c != identify.GGUF {
		return nil, fmt.Errorf("gguf: it is %s, want a GGUF file", cmp.Or(string(c), "something else"))
	}
	r := &reader{data: data, at: 4}
	version := r.uint32()
	if r.err == nil && (version < 2 || version > 3) {
		if version>>16 != 0 && version&0xffff == 0 {
			return nil, errors.New("gguf: the file is big-endian, want little-endian")
		}
		return nil, fmt.Errorf("gguf: version %d, want 2 or 3", version)
	}
	tensors, keys := r.uint64(), r.uint64()
	f := &File{Tensors: checkpoint.Tensors{ByName: map[string]checkpoint.Tensor{}}, Metadata: Metadata{}}
	for range r.count(keys) {
		name, v := r.text(), r.value(r.uint32())
		if _, twice := f.Metadata[name]; twice && r.err == nil {
			r.err = fmt.Errorf("key %s stands there twice", name)
		}
		f.Metadata[name] = v
		if r.err != nil {
			break
		}
	}
	var infos []info
	for range r.count(tensors) {
		if infos = append(infos, r.info()); r.err != nil {
			break
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("gguf: header: %w", r.err)
	}
	align, err := f.Metadata.alignment()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	body := data[min(uint64(len(data)), (uint64(r.at)+align-1)/align*align):]
	for _, i := range infos {
		if _, twice := f.ByName[i.name]; twice {
			return nil, fmt.Errorf("gguf: tensor %s stands there twice", i.name)
		}
		if f.ByName[i.name], err = i.tensor(body, align); err != nil {
			return nil, fmt.Errorf("gguf: tensor %s: %w", i.name, err)
		}
	}
	return f, nil
}

// info describes a tensor.
type info struct {
	name   string
	shape  []int
	dtype  uint32
	offset uint64
}

// tensor checks an info against the data of the file.
func (i info) tensor(body []byte, align uint64) (checkpoint.Tensor, error) {
	t := checkpoint.Tensor{Name: i.name, Type: types[i.dtype], Shape: i.shape}
	if t.Type == "" {
		name := unsupported[i.dtype]
		if name == "" {
			name = fmt.Sprintf("number %d", i.dtype)
		}
		return t, fmt.Errorf("type %s is not supported", name)
	}
	size, err := t.Type.Bytes(i.shape)
	switch {
	case err != nil:
		return t, err
	case i.offset%align != 0:
		return t, fmt.Errorf("its data begin at %d, which %d does not divide", i.offset, align)
	case i.offset > uint64(len(body)) || size > uint64(len(body))-i.offset:
		return t, fmt.Errorf("%d bytes at %d, but the file has %d: it is truncated: download or copy it "+
			"again", size, i.offset, len(body))
	}
	t.Data = body[i.offset:][:size:size]
	return t, nil
}
