package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// reader takes values off a header. After its first error it returns zeros.
type reader struct {
	data []byte
	at   int
	err  error
}

var errTruncated = errors.New("it ends in the middle: the file is truncated: download or copy it again")

// take returns the next n bytes; nil after an error.
func (r *reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.err = errTruncated
	}
	if r.err != nil {
		return nil
	}
	raw := r.data[r.at:][:n]
	r.at += int(n)
	return raw
}

func (r *reader) uint32() uint32 {
	if raw := r.take(4); raw != nil {
		return binary.LittleEndian.Uint32(raw)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if raw := r.take(8); raw != nil {
		return binary.LittleEndian.Uint64(raw)
	}
	return 0
}

// count returns a number of things to come, each of which takes a byte at least.
func (r *reader) count(n uint64) int {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.err = errTruncated
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return strings.Clone(string(r.take(r.uint64()))) }

// widths are the bytes of a scalar of each type; 0 for the others.
var widths = [13]uint64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

// value reads a value of a type.
func (r *reader) value(kind uint32) any {
	if kind != typeArray {
		list := r.list(kind, 1)
		switch v := list.(type) {
		case []string:
			return first(v)
		case []bool:
			return first(v)
		case []int64:
			return first(v)
		case []uint64:
			return first(v)
		case []float64:
			return first(v)
		}
		return nil
	}
	switch inner, n := r.uint32(), r.uint64(); inner {
	case 0:
		return bytes.Clone(r.take(n))
	case 1:
		return scalars(r.take(n), 1, func(bits uint64) int8 { return int8(bits) })
	default:
		return r.list(inner, n)
	}
}

func first[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// list reads n values of a type other than array.
func (r *reader) list(kind uint32, n uint64) any {
	switch {
	case r.err != nil:
		return nil
	case kind == typeText:
		return r.texts(n)
	case kind >= uint32(len(widths)) || widths[kind] == 0:
		r.err = fmt.Errorf("value of type %d is not supported", kind)
		return nil
	}
	width := widths[kind]
	if n > uint64(len(r.data)) {
		r.err = errTruncated
		return nil
	}
	raw := r.take(n * width)
	switch kind {
	case 0, 2, 4, 10:
		return scalars(raw, width, func(bits uint64) uint64 { return bits })
	case 1, 3, 5, 11:
		shift := 64 - 8*width
		return scalars(raw, width, func(bits uint64) int64 { return int64(bits<<shift) >> shift })
	case 6:
		return scalars(raw, width, func(bits uint64) float64 { return float64(math.Float32frombits(uint32(bits))) })
	case 7:
		return scalars(raw, width, func(bits uint64) bool { return bits != 0 })
	}
	return scalars(raw, width, math.Float64frombits)
}

// texts reads n texts, which share one copy of the file's bytes: vocabularies have hundreds of thousands.
func (r *reader) texts(n uint64) any {
	if n > uint64(len(r.data)-r.at)/8 { // each has a length
		r.err = errTruncated
		return nil
	}
	begin := r.at
	for range n {
		if r.take(r.uint64()); r.err != nil {
			return nil
		}
	}
	all, at := string(r.data[begin:r.at]), 0
	out := make([]string, n)
	for i := range out {
		size := int(binary.LittleEndian.Uint64(r.data[begin+at:]))
		out[i] = all[at+8:][:size]
		at += 8 + size
	}
	return out
}

// scalars converts little-endian words of some width.
func scalars[T any](raw []byte, width uint64, as func(bits uint64) T) []T {
	out := make([]T, 0, uint64(len(raw))/width)
	for word := range slices.Chunk(raw, int(width)) {
		var bits uint64
		for i, b := range word {
			bits |= uint64(b) << (8 * i)
		}
		out = append(out, as(bits))
	}
	return out
}

// info reads the description of a tensor.
func (r *reader) info() info {
	i := info{name: r.text()}
	n := r.uint32()
	if r.err == nil && n > maxDims {
		r.err = fmt.Errorf("tensor %s has %d dimensions, want at most %d", i.name, n, maxDims)
	}
	for range n {
		if r.err != nil {
			return i
		}
		d := r.uint64()
		if d > math.MaxInt32 {
			r.err = fmt.Errorf("tensor %s: dimension %d", i.name, d)
		}
		i.shape = append(i.shape, int(d))
	}
	slices.Reverse(i.shape)
	i.dtype, i.offset = r.uint32(), r.uint64()
	return i
}
