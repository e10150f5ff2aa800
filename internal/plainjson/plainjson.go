// Package plainjson rewords errors of encoding/json for people who do not know Go.
package plainjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Explain rewords an error about a value of a wrong type: "hidden_size is a text, want a whole number". Other errors,
// nil among them, are returned as they are.
func Explain(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	at := wrong.Field
	if at == "" {
		at = "it"
	}
	return fmt.Errorf("%s is %s, want %s", at, found(wrong.Value), wanted(wrong.Type.Kind()))
}

// found describes the value that a file has, as encoding/json names it.
func found(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	}
	return strings.TrimPrefix(value, "number ")
}

// wanted describes the values that a Go type takes.
func wanted(kind reflect.Kind) string {
	switch kind {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}
