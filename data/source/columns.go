package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields gives access to a row's values by the names that a format has for them.
type fields struct {
	Row
	columns map[string]string // expected name → the file's
}

// raw returns a field's JSON; null counts as missing.
func (f fields) raw(key string) (json.RawMessage, bool) {
	if name, ok := f.columns[key]; ok {
		key = name
	}
	raw, ok := f.Fields[key]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

// has reports whether the row has a field that is not null.
func (f fields) has(key string) bool { _, ok := f.raw(key); return ok }

// text returns the string of the first of the keys that the row has. Without any
// it returns "", or an error if the text is needed.
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

// quoted lists the first keys of a row, for messages.
func (f fields) quoted() string {
	const most = 12
	keys, rest := slices.Sorted(maps.Keys(f.Fields)), ""
	if len(keys) > most {
		keys, rest = keys[:most], ", …"
	}
	for i, key := range keys {
		keys[i] = fmt.Sprintf("%.40q", key)
	}
	return strings.Join(keys, ", ") + rest
}

// into decodes a field; false if it is missing.
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
