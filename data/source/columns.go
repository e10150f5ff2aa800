package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/suggest"
)

// ParseColumns reads mappings of the form field=name: a format's name of a field, or another of its names, and the
// file's. It fails for a field that no format knows, and for two names of one field.
func ParseColumns(list []string) (map[string]string, error) {
	columns := map[string]string{}
	for _, column := range list {
		ours, theirs, ok := strings.Cut(column, "=")
		ours, theirs = strings.TrimSpace(ours), strings.TrimSpace(theirs)
		switch {
		case !ok || ours == "" || theirs == "":
			return nil, fmt.Errorf("%q, want field=name", column)
		case columns[ours] != "" && columns[ours] != theirs:
			return nil, fmt.Errorf("%s is mapped to %q and to %q", ours, columns[ours], theirs)
		}
		columns[ours] = theirs
	}
	return canonical(columns)
}

// canonical returns columns by meaning.
func canonical(columns map[string]string) (map[string]string, error) {
	out, by := map[string]string{}, map[string]string{}
	for _, ours := range slices.Sorted(maps.Keys(columns)) {
		meaning, err := Canonical(ours)
		if err != nil && suggest.Nearest(ours, knownFields()) == "" && slices.Contains(knownFields(), columns[ours]) {
			return nil, fmt.Errorf("%w; the file's name is on the right: %s=%s", err, columns[ours], ours)
		}
		if err != nil {
			return nil, err
		}
		if first := by[meaning]; first != "" && out[meaning] != columns[ours] {
			return nil, fmt.Errorf("%s and %s are names of the same field, %s; a second text of a question is its input",
				first, ours, meaning)
		}
		out[meaning], by[meaning] = columns[ours], ours
	}
	return out, nil
}
