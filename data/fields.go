package data

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"fettle/data/lint"
	"fettle/data/source"
)

// Field counts the rows with a field by what was done with it.
type Field struct {
	Name   string `json:"name"`
	Read   int    `json:"read"`
	Unread int    `json:"unread,omitempty"` // not read, though it holds text
	Rest   int    `json:"rest,omitempty"`   // not read, and without text or only the number of the row
	First  string `json:"first,omitempty"`  // file:line of the first unread one
}

// fieldCounts counts the fields of rows by name.
type fieldCounts map[string]*Field

// add counts the fields of a row.
func (c fieldCounts) add(u source.Use, at string) {
	for _, part := range []struct {
		names []string
		count func(*Field) *int
	}{
		{u.Read, func(f *Field) *int { return &f.Read }},
		{u.Unread, func(f *Field) *int { return &f.Unread }},
		{u.Rest, func(f *Field) *int { return &f.Rest }},
	} {
		for _, name := range part.names {
			f := c[name]
			if f == nil {
				f = &Field{Name: name}
				c[name] = f
			}
			*part.count(f)++
			if f.Unread == 1 && f.First == "" {
				f.First = at
			}
		}
	}
}

// sorted lists the fields: those that were read most often first.
func (c fieldCounts) sorted() []Field {
	var out []Field
	for _, name := range slices.Sorted(maps.Keys(c)) {
		out = append(out, *c[name])
	}
	slices.SortStableFunc(out, func(a, b Field) int { return cmp.Compare(b.Read, a.Read) })
	return out
}

// Unread lists the fields of the rows that hold text and are not read.
func (s *Set) Unread() (names []string) {
	for _, f := range s.Fields {
		if f.Unread > 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

// report adds a finding for each field of a file that holds text and is not read, and the counts to those of the set.
func (c fieldCounts) report(r *source.Reader, report *lint.Report, whole fieldCounts) {
	var read []string
	for _, f := range c.sorted() {
		if f.Read > 0 {
			read = append(read, f.Name)
		}
	}
	for _, f := range c.sorted() {
		switch {
		case f.Unread == 0:
		case r.Format() == "preference" && r.Rejected(f.Name):
			report.AddRows(lint.PreferencePairs, f.First, f.Unread, "a chosen and a rejected answer")
		default:
			text := fmt.Sprintf("%q is not read (rows with it: %d)", f.Name, f.Unread)
			if why := r.Unread(f.Name, read); why != "" {
				text += ": " + why
			}
			report.Add("unread-field", f.First, "%s", text)
		}
		all := whole[f.Name]
		if all == nil {
			all = &Field{Name: f.Name, First: f.First}
			whole[f.Name] = all
		}
		all.Read, all.Unread, all.Rest = all.Read+f.Read, all.Unread+f.Unread, all.Rest+f.Rest
	}
}
