package gguf

import (
	"encoding/binary"
	"reflect"
)

// keysOf returns the keys of a file that Parse reads in their order, with values of the types that they have there:
// written again, they are the same bytes.
func keysOf(data []byte) []Key {
	r := &reader{data: data, at: 16}
	var keys []Key
	for range r.uint64() {
		name, kind, n := r.text(), r.uint32(), uint64(1)
		list := kind == typeArray
		if list {
			kind, n = r.uint32(), r.uint64()
		}
		values := reflect.MakeSlice(reflect.SliceOf(kinds[kind]), int(n), int(n))
		if kind == typeText {
			for i := range int(n) {
				values.Index(i).SetString(r.text())
			}
		} else if _, err := binary.Decode(r.take(n*widths[kind]), binary.LittleEndian, values.Interface()); err != nil {
			panic(err)
		}
		if !list {
			values = values.Index(0)
		}
		keys = append(keys, Key{name, values.Interface()})
	}
	return keys
}
