// Package plainjson rewords errors of encoding/json for people who do not know Go.
package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Explain rewords an error about a value of a wrong type, "hidden_size is a text, want a whole number", or about a
// character where JSON has another. Other errors, nil among them, are returned as they are.
func Explain(err error) error {
	var broken *json.SyntaxError
	if errors.As(err, &broken) {
		return errors.New(syntax(broken))
	}
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

// In is Explain for the error about a text, whose line it names.
func In(text []byte, err error) error {
	var broken *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	at := int64(0)
	switch {
	case errors.As(err, &broken):
		at = broken.Offset
	case errors.As(err, &wrong):
		at = wrong.Offset
	default:
		return err
	}
	before := text[:max(0, min(at-1, int64(len(text))))]
	return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), Explain(err))
}

// character matches what encoding/json says of one that is wrong.
var character = regexp.MustCompile(`^invalid character (.+?) (after|looking|in|exceeded) (.*)$`)

// syntax rewords an error about a character.
func syntax(err *json.SyntaxError) string {
	if err.Error() == "unexpected end of JSON input" {
		return "it ends in the middle of a value"
	}
	m := character.FindStringSubmatch(err.Error())
	if m == nil {
		return err.Error()
	}
	for _, row := range [][2]string{
		{"for beginning of value", "stands where a value must begin"},
		{"for beginning of object key string", "stands where a key in double quotes must begin"},
		{"object key:value pair", "stands where a comma or } must follow a value"},
		{"object key", "stands where a colon must follow a key"},
		{"array element", "stands where a comma or ] must follow an element"},
		{"top-level value", "follows the end of the value"},
		{"string literal", "stands in a text, which may hold it only as an escape"},
		{"string escape", "follows a backslash that is no escape of JSON: double the backslash"},
		{"literal", "stands in a word that is neither true, false nor null"},
		{"", "stands in a number"},
	} {
		if strings.HasPrefix(m[3], row[0]) {
			return m[1] + " " + row[1]
		}
	}
	return err.Error()
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
