package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fettle/internal/human"
)

// Problem is a setting that cannot be used, or another one of the same file.
type Problem struct {
	Place Place
	Is    string // what it is that is wrong, such as "unknown key", and Text begins with a comma or a colon; "": a value
	Text  string // what is wrong, and what to do
	Fine  bool   // nothing is wrong
}

// Problems is an error about one or more settings.
type Problems []Problem

// Error explains one problem in a line and several in a table, those that are fine at its end.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].line()
	}
	sorted := slices.Clone(p)
	slices.SortStableFunc(sorted, func(a, b Problem) int { return cmp.Compare(rank(a.Fine), rank(b.Fine)) })
	rows := make([][]string, len(p))
	wrong, sources := 0, slices.ContainsFunc(p, func(each Problem) bool { return each.Place.Source != "" })
	for i, each := range sorted {
		wrong += 1 - rank(each.Fine)
		rows[i] = []string{fmt.Sprintf("%q", each.Place.Name), each.Is + each.Text}
		if sources {
			rows[i] = slices.Insert(rows[i], 0, strings.TrimPrefix(each.Place.Source, "config "))
		}
	}
	lines := strings.Split(strings.TrimRight(human.Table(rows), "\n"), "\n")
	title := fmt.Sprintf("%d settings cannot be used:\n", wrong)
	if wrong == 1 {
		title = "a setting cannot be used:\n"
	}
	text := title + strings.Join(lines[:wrong], "\n")
	if rest := lines[wrong:]; len(rest) > 0 {
		text += "\nThe other keys of another program:\n" + strings.Join(rest, "\n")
	}
	return text
}

// Placed is an error about settings that were read, whose lines begin with the setting's key. It puts the line of the
// file, or the environment, before those that are from there.
func Placed(flags *pflag.FlagSet, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		key, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		flag := flags.Lookup(strings.TrimSuffix(key, ":"))
		if flag != nil && len(flag.Annotations[placeNote]) > 0 && flag.Annotations[placeNote][0] != "" {
			lines[i] = flag.Annotations[placeNote][0] + ": " + line
		}
	}
	return placed{err, strings.Join(lines, "\n")}
}

type placed struct {
	error
	text string
}

func (p placed) Error() string { return p.text }
func (p placed) Unwrap() error { return p.error }

func rank(fine bool) int {
	if fine {
		return 1
	}
	return 0
}

func (p Problem) line() string {
	switch {
	case p.Is == "":
		return p.Place.String() + ": " + p.Text
	case p.Place.Source == "":
		return fmt.Sprintf("%s %q%s", p.Is, p.Place.Name, p.Text)
	}
	return fmt.Sprintf("%s: %s %q%s", p.Place.Source, p.Is, p.Place.Name, p.Text)
}
