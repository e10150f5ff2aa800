package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/suggest"
)

// Use tells which fields of a row were read.
type Use struct {
	Read   []string
	Unread []string // not read, though they hold text; a field of messages is called "messages[].name"
	Rest   []string // not read, and without text or only the number of the row
}

// use sums up what was read of a row.
func (f fields) use() (u Use) {
	for _, key := range slices.Sorted(maps.Keys(f.Fields)) {
		raw := f.Fields[key]
		switch {
		case f.notes.read[key]:
			u.Read = append(u.Read, key)
		case harmless(key) && !f.mapped(key) || !f.matters(key, raw):
			if !empty(raw) {
				u.Rest = append(u.Rest, key)
			}
		default:
			u.Unread = append(u.Unread, key)
		}
	}
	u.Unread = append(u.Unread, f.notes.inner...)
	return u
}

// matters reports whether a field that is not read would have meant something: it holds text, or is one of
// verdicts.
func (f fields) matters(key string, raw json.RawMessage) bool {
	if slices.Contains(verdicts, strings.ToLower(key)) || f.mapped(key) {
		return !empty(raw)
	}
	switch {
	case empty(raw):
		return false
	case raw[0] == '[' || raw[0] == '{':
		return strings.ContainsRune(string(raw), '"')
	case raw[0] != '"':
		return false
	}
	text, _ := scalar(raw)
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err != nil && strings.TrimSpace(text) != ""
}

// mapped reports whether columns name a key.
func (f fields) mapped(key string) bool {
	for _, theirs := range f.columns {
		if strings.EqualFold(theirs, key) {
			return true
		}
	}
	return false
}

// Rejected reports whether a field holds the rejected answers of pairs.
func (r *Reader) Rejected(name string) bool {
	if theirs, ok := r.schema.columns["rejected"]; ok {
		return strings.EqualFold(theirs, name)
	}
	return strings.EqualFold(name, "rejected")
}

// Unread explains why a field is not read, "" if nothing explains it; read lists the fields that are.
func (r *Reader) Unread(name string, read []string) string {
	base, table := name, rowFields
	if at := strings.LastIndex(name, "[]."); at >= 0 {
		base, table = name[at+len("[]."):], messageFields
	}
	for _, meaning := range slices.Sorted(maps.Keys(r.schema.columns)) {
		if !strings.EqualFold(r.schema.columns[meaning], name) {
			continue
		}
		if why, ok := unreadBecause[meaning]; ok {
			return why
		}
		return fmt.Sprintf("%s it as %q, which these rows of the format %s do not use", r.file.mapper(), meaning,
			r.format.name)
	}
	base = strings.ToLower(base)
	if why, ok := unreadBecause[base]; ok {
		return why
	}
	for _, m := range table {
		same := names(table, m.name)
		if !slices.Contains(same, base) {
			continue
		}
		for _, other := range same {
			if slices.Contains(read, other) {
				return fmt.Sprintf("%q is read in its place", other)
			}
		}
		if r.file.Entry != "" {
			return fmt.Sprintf("%s names no column for it", r.file.Entry)
		}
		return ""
	}
	if near := suggest.Nearest(base, allNames(table)); near != "" && suggest.Distance(near, base) < 3 {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
