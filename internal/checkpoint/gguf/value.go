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
var kinds = [...]reflect.Kind{
	reflect.Uint8, reflect.Int8, reflect.Uint16, reflect.Int16, reflect.Uint32, reflect.Int32, reflect.Float32,
	reflect.Bool, typeText: reflect.String, typeArray: reflect.Slice, 10: reflect.Uint64, 11: reflect.Int64,
	12: reflect.Float64,
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
		if kind == t.Kind() && kind != reflect.Slice {
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
