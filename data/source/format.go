package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/data/recipe"
	"fettle/internal/suggest"
)

// format is one way in which data sets write conversations down.
type format struct {
	name string
	has  [][]string // groups of keys: a record of this format has one of each
	read func(fields) (recipe.Conversation, error)
}

// formats lists the formats, the most particular first. The first that fits a
// record is taken.
func formats() []format {
	answers := append(names(rowFields, "output"), "instances")
	return []format{
		{"tokenized", [][]string{{"input_ids"}}, nil},
		{"koala", [][]string{{"fields"}, {"marker_user", "marker_gpt", "human_0", "gpt_1"}}, readKoala},
		{"segments", [][]string{{"segments"}}, readSegments},
		{"preference", [][]string{{"chosen"}}, readPreference},
		{"sharegpt", [][]string{names(rowFields, "messages")[1:]}, readMessages},
		{"messages", [][]string{{"messages"}}, readMessages},
		{"alpaca", [][]string{{"instruction"}, answers}, readAlpaca},
		{"baize", [][]string{{"topic"}, {"input"}}, readBaize},
		{"prompt_completion", [][]string{append(names(rowFields, "instruction")[1:], "input"), answers}, readAlpaca},
		{"text", [][]string{names(rowFields, "text")}, readText},
	}
}

// Formats lists the values of dataset_format.
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
	return format{}, suggest.Unknown("dataset format", name, Formats())
}

// detect returns the format of a file by its first good record. If no format fits, it returns one whose first group of
// keys is present: its reader names the missing field.
func (r *Reader) detect() (format, error) {
	var first error
	for rec, err := range records(r.file.Path, nil) {
		if err != nil {
			return format{}, err
		}
		row, err := rec.Row()
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		f := r.fields(row)
		for _, whole := range []bool{true, false} {
			for _, candidate := range formats() {
				if candidate.fits(f, whole) {
					return candidate, nil
				}
			}
		}
		return format{}, f.errorf("no format has the fields %s%s; name the right ones with --columns "+
			"instruction=…,output=…, or their dataset_format (%s)", f.quoted(), f.misspelt(), strings.Join(Formats()[1:], ", "))
	}
	return format{}, first
}

// misspelt names the first column that the row has not, or the first field whose name is almost a known one.
func (f fields) misspelt() string {
	for _, meaning := range slices.Sorted(maps.Keys(f.columns)) {
		column := f.columns[meaning]
		if _, _, ok := f.find(column); !ok {
			near := suggest.DidYouMean(column, slices.Sorted(maps.Keys(f.Fields)), "")
			return fmt.Sprintf("; columns map %s to %q%s", meaning, column, near)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Fields)) {
		if near := suggest.Nearest(strings.ToLower(key), allNames(rowFields)); near != "" && !strings.EqualFold(near, key) {
			return fmt.Sprintf("; perhaps %q stands for %q", key, near)
		}
	}
	return ""
}

// fits reports whether a row has a key of every group of a format; not whole: of
// the first.
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
