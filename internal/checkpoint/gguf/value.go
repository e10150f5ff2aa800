package gguf

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// The numbers of the types of values that are no numbers.
const (
	typeText  = 8
	typeArray = 9
)

// kinds are the types of values in the order of their numbers.
var kinds = [...]reflect.Type{
	reflect.TypeFor[uint8](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](), reflect.TypeFor[int16](),
	reflect.TypeFor[uint32](), reflect.TypeFor[int32](), reflect.TypeFor[float32](), reflect.TypeFor[bool](),
	typeText: reflect.TypeFor[string](), typeArray: nil, 10: reflect.TypeFor[uint64](), 11: reflect.TypeFor[int64](),
	12: reflect.TypeFor[float64](),
}

// appendValue appends the number of a value's type and the value.
func appendValue(to []byte, value any) ([]byte, error) {
	le := binary.LittleEndian
	t := reflect.TypeOf(value)
	if t == nil {
		return nil, fmt.Errorf("no value")
	}
	list := t.Kind() == reflect.Slice
	if list {
		to = le.AppendUint32(to, typeArray)
		t = t.Elem()
	}
	number := -1
	for i, kind := range kinds {
		if kind != nil && kind.Kind() == t.Kind() {
			number = i
		}
	}
	if number < 0 {
		const message = "a value of type %T, want a number of fixed width, a bool, a string or a list of one of these"
		return nil, fmt.Errorf(message, value)
	}
	to = le.AppendUint32(to, uint32(number))
	v := reflect.ValueOf(value)
	if list {
		to = le.AppendUint64(to, uint64(v.Len()))
	}
	switch {
	case number != typeText:
		return binary.Append(to, le, value)
	case !list:
		return appendText(to, v.String()), nil
	}
	for i := range v.Len() {
		to = appendText(to, v.Index(i).String())
	}
	return to, nil
}

// appendText appends the length of a text and the text.
func appendText(to []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint64(to, uint64(len(text))), text...)
}
