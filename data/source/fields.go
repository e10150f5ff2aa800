package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"fettle/internal/suggest"
)

// schema maps the meanings of fields to a file's names for them.
type schema struct {
	columns map[string]string // meaning → the file's name
	only    bool              // no other field is read
	except  []string          // meanings of other fields that are not read
	first   map[string]string // names that are read alone, by meaning
	tags    bool              // messages have no other roles
	found   map[string]*atomic.Bool
	message *schema // of messages; nil in theirs
}

// fields gives access to a row's values, or a message's, by their meaning, and records which of them are read.
type fields struct {
	Row
	schema
	table []meaning
	place string // of a message in its row, for errors
	notes *notes
}

// notes records what was read of a row.
type notes struct {
	read  map[string]bool
	inner []string // fields of messages that hold text and are not read
}

// errorf returns an error that names the row.
func (f fields) errorf(format string, args ...any) error {
	return fmt.Errorf("read %s: %s%w", f.Source, f.place, fmt.Errorf(format, args...))
}

// see records which of the fields that columns name there are.
func (f fields) see() {
	for meaning, theirs := range f.columns {
		if _, _, ok := f.find(theirs); ok && !slices.Contains(roleColumns, meaning) {
			f.sees(meaning)
		}
	}
}

// sees records that what columns name for a meaning is there.
func (f fields) sees(meaning string) {
	if found := f.found[meaning]; found != nil && !found.Load() {
		found.Store(true)
	}
}

// mark records that a key is read.
func (f fields) mark(key string) { f.notes.read[key] = true }

// candidates lists the file's names for a meaning, in order of precedence.
func (f fields) candidates(name string) []string {
	if theirs, ok := f.columns[name]; ok {
		return []string{theirs}
	}
	if f.only || slices.Contains(f.except, name) {
		return nil
	}
	if first := f.first[name]; first != "" {
		return []string{first}
	}
	return names(f.table, name)
}

// find returns the key of a name, which may differ from it by case, and its value.
func (r Row) find(name string) (key string, raw json.RawMessage, ok bool) {
	if raw, ok := r.Fields[name]; ok {
		return name, raw, true
	}
	for k := range r.Fields {
		if strings.EqualFold(k, name) && (key == "" || k < key) {
			key = k
		}
	}
	raw, ok = r.Fields[key]
	return key, raw, ok && key != ""
}

// lookup returns the key and the value of the field of a meaning: the first that is not empty, otherwise the first
// that is not null, otherwise one that is null. raw is nil if the row has none.
func (f fields) lookup(name string) (key string, raw json.RawMessage) {
	for _, candidate := range f.candidates(name) {
		k, r, ok := f.find(candidate)
		switch {
		case !ok:
		case !empty(r):
			return k, r
		case raw == nil || isNull(raw):
			key, raw = k, r
		}
	}
	return key, raw
}

// value returns the value of the field of a meaning and marks the field as read. It is nil if the row has none, or
// null.
func (f fields) value(name string) (key string, raw json.RawMessage) {
	key, raw = f.lookup(name)
	if raw == nil || isNull(raw) {
		return key, nil
	}
	f.mark(key)
	return key, raw
}

// has reports whether the row has a field of that name that is not null.
func (f fields) has(name string) bool {
	if theirs, ok := f.columns[name]; ok {
		name = theirs
	} else if meaning, _ := Canonical(name); f.only || meaning != name && f.columns[meaning] != "" {
		return false
	}
	_, raw, ok := f.find(name)
	return ok && !isNull(raw)
}

// hasAny reports whether the row has a field of the meaning that is not null.
func (f fields) hasAny(name string) bool {
	_, raw := f.lookup(name)
	return raw != nil && !isNull(raw)
}

// text returns the text of the field of a meaning. Without the field it returns "", or an error if the text is needed.
func (f fields) text(needed bool, name string) (string, error) {
	key, raw := f.lookup(name)
	switch {
	case raw == nil && needed:
		return "", f.missing(name)
	case raw == nil || isNull(raw) && !needed:
		return "", nil
	case isNull(raw):
		return "", f.errorf("%q is null", key)
	}
	f.mark(key)
	text, ok := scalar(raw)
	if !ok {
		return "", f.errorf("%q is %.20s, want a text", key, raw)
	}
	return text, nil
}

// missing returns the error for a field that the row has not.
func (f fields) missing(name string) error {
	want := name
	if theirs, ok := f.columns[name]; ok {
		want = theirs
	} else if f.only {
		for theirs, ours := range infoColumns {
			if ours == name {
				want = theirs
			}
		}
		return f.errorf("columns of dataset_info.json name no %q, and a field without a column is not read; "+
			"the fields are %s", want, f.quoted())
	}
	near := ""
	for _, key := range slices.Sorted(maps.Keys(f.Fields)) {
		if near == "" && !f.notes.read[key] && suggest.Nearest(strings.ToLower(key), f.nearby(name)) != "" {
			near = fmt.Sprintf(", did you mean %q", key)
		}
	}
	return f.errorf("no %q among the fields %s%s; columns: %s=NAME reads another field, on_bad_row: skip leaves such "+
		"rows out", want, f.quoted(), near, name)
}

// nearby lists the names that a misspelt field of a meaning may stand for.
func (f fields) nearby(name string) []string {
	if theirs, ok := f.columns[name]; ok {
		return []string{strings.ToLower(theirs)}
	}
	return f.candidates(name)
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

// into decodes the field of a meaning; false if it is missing or an empty text.
func (f fields) into(name, want string, v any) (bool, error) {
	key, raw := f.value(name)
	if raw = unquoted(raw); len(raw) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, f.errorf("%q is %.20s, want %s", key, raw, want)
	}
	return true, nil
}

// isNull reports whether a value is null.
func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

// empty reports whether a value is null, "", [] or {}.
func empty(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// scalar returns a text, or a number or a truth value as the file writes it.
func scalar(raw json.RawMessage) (string, bool) {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil && !isNull(raw) {
		return s, true
	}
	return string(raw), len(raw) > 0 && !isNull(raw) && !strings.ContainsRune(`"[{`, rune(raw[0]))
}

// unquoted returns the JSON that a text holds, as in the cells of a CSV file; any other value as it is.
func unquoted(raw json.RawMessage) json.RawMessage {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		text = strings.TrimSpace(text)
		if text == "" || strings.ContainsRune("[{", rune(text[0])) && json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	return raw
}

// isList reports whether a value is a list.
func isList(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }
