package settings

import (
	"fmt"
	"strings"

	"fettle/internal/human"
)

// Problem is a setting that cannot be used.
type Problem struct {
	Place   Place
	Unknown bool
	Text    string // what is wrong, and what to do
}

// Problems is an error about one or more settings.
type Problems []Problem

// Error explains one problem in a line and several in a table.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].line()
	}
	rows := make([][]string, len(p))
	for i, each := range p {
		rows[i] = []string{strings.TrimPrefix(each.Place.Source, "config "), fmt.Sprintf("%q", each.Place.Name), each.said()}
	}
	return fmt.Sprintf("%d settings cannot be used:\n%s", len(p), strings.TrimRight(human.Table(rows), "\n"))
}

func (p Problem) line() string {
	if !p.Unknown {
		return p.Place.String() + ": " + p.Text
	}
	text := fmt.Sprintf("unknown key %q%s", p.Place.Name, p.Text)
	if p.Place.Source == "" {
		return text
	}
	return p.Place.Source + ": " + text
}

func (p Problem) said() string {
	if p.Unknown {
		return "unknown key" + p.Text
	}
	return p.Text
}
