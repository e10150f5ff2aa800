package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// format is one way that data sets write records down.
type format struct {
	name string
	has  [][]string // a record is of this format if it has, of every group, one key
	read func(fields) (Conversation, error)
}

// formats, the most particular first: the first that fits a record is it.
func formats() []format {
	return []format{
		{"tokenized", [][]string{{"input_ids"}}, nil},
		{"koala", [][]string{{"fields"}, {"marker_user", "marker_gpt", "human_0", "gpt_1"}}, readKoala},
		{"segments", [][]string{{"segments"}}, readSegments},
		{"preference", [][]string{{"chosen"}}, readPreference},
		{"sharegpt", [][]string{{"conversations", "conversation", "items", "dialog", "dialogue"}}, readMessages},
		{"messages", [][]string{{"messages"}}, readMessages},
		{"alpaca", [][]string{{"instruction"}, {"output", "response", "instances"}}, readAlpaca},
		{"baize", [][]string{{"topic"}, {"input"}}, readBaize},
		{"prompt_completion", [][]string{promptKeys, completionKeys}, readCompletion},
		{"text", [][]string{{"text", "story", "content"}}, readText},
	}
}

// Formats names the formats, as dataset_format has them.
func Formats() []string {
	names := []string{"auto"}
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// findFormat looks a format up by name.
func findFormat(name string) (format, error) {
	for _, f := range formats() {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, unknown("dataset format", name, Formats())
}

// detect tells a file's format by its first good record.
func detect(path string, columns map[string]string) (format, error) {
	var first error
	for r, err := range records(path, nil) {
		if err != nil {
			return format{}, err
		}
		row, err := r.row()
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		f := fields{row, columns}
		for _, whole := range []bool{true, false} { // better one that can say what is missing than none
			for _, candidate := range formats() {
				if candidate.fits(f, whole) {
					return candidate, nil
				}
			}
		}
		return format{}, fmt.Errorf("read %s: no format has the fields %s; name a format (%s) or map the fields (instruction=…, output=…)",
			row.Source, f.quoted(), strings.Join(Formats()[1:], ", "))
	}
	return format{}, first
}

// fits reports whether a row has the keys of a format, or at least those that
// come first.
func (f format) fits(row fields, whole bool) bool {
	groups := f.has
	if !whole {
		groups = groups[:1]
	}
	for _, group := range groups {
		if !slices.ContainsFunc(group, row.has) {
			return false
		}
	}
	return true
}

// fields are a row's values, under the names that a format expects.
type fields struct {
	Row
	columns map[string]string // expected name → the file's
}

// raw is a field's JSON; null counts as missing.
func (f fields) raw(key string) (json.RawMessage, bool) {
	if name, ok := f.columns[key]; ok {
		key = name
	}
	raw, ok := f.Fields[key]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

func (f fields) has(key string) bool { _, ok := f.raw(key); return ok }

func (f fields) keys() []string {
	keys := make([]string, 0, len(f.Fields))
	for key := range f.Fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// text is a field that holds a string; "" where it is missing and not needed.
func (f fields) text(needed bool, keys ...string) (string, error) {
	for _, key := range keys {
		if raw, ok := f.raw(key); ok {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return "", fmt.Errorf("read %s: %q is %.20s, want a text", f.Source, key, raw)
			}
			return s, nil
		}
	}
	if needed {
		return "", fmt.Errorf("read %s: no %q among the fields %s", f.Source, keys[0], f.quoted())
	}
	return "", nil
}

// quoted lists the keys for people, not too many.
func (f fields) quoted() string {
	const most = 12
	keys, rest := f.keys(), ""
	if len(keys) > most {
		keys, rest = keys[:most], ", …"
	}
	for i, key := range keys {
		keys[i] = fmt.Sprintf("%.40q", key)
	}
	return strings.Join(keys, ", ") + rest
}

// into decodes a field of another type; false where it is missing.
func (f fields) into(key, want string, v any) (bool, error) {
	raw, ok := f.raw(key)
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("read %s: %q is %.20s, want %s", f.Source, key, raw, want)
	}
	return true, nil
}
