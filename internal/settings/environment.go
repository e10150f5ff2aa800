package settings

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fettle/internal/suggest"
)

const prefix = "FETTLE_"

// variable returns the environment variable of a setting's name.
func variable(name string) string { return prefix + strings.ToUpper(name) }

// fromEnvironment lists the settings that variables give. An empty one counts as unset.
func (s *Settings) fromEnvironment() (list []Entry) {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.names()...)
	}
	if s.program.Others != nil {
		for _, name := range s.program.Others.Keys() {
			if _, own := s.keys[name]; !own {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		v := variable(name)
		if value := os.Getenv(v); value != "" && !slices.Contains(s.program.Variables, v) {
			list = append(list, Entry{name, value, Place{Environment, "environment", v}})
		}
	}
	return list
}

// CheckEnvironment refuses variables FETTLE_… that are neither a setting of these flag sets nor another variable of the
// program, and those whose name differs from a setting's in FETTLE alone. It names all of them, with the variable that
// each probably stands for. Give it the flags of all commands: a variable may be meant for another one.
func (s *Settings) CheckEnvironment(flags ...*pflag.FlagSet) error {
	known := slices.Clone(s.program.Variables)
	for _, set := range flags {
		set.VisitAll(func(f *pflag.Flag) {
			for _, name := range f.Annotations[NamesNote] {
				known = append(known, variable(name))
			}
		})
	}
	var problems Problems
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || slices.Contains(known, name) {
			continue
		}
		place := Place{Environment, "environment", name}
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			problems = append(problems, Problem{Place: place, Is: "unknown variable",
				Text: didYouMean(strings.ToUpper(name), known, "")})
		} else if meant := misspelt(name); slices.Contains(known, meant) {
			problems = append(problems, Problem{Place: place, Is: "unknown variable",
				Text: fmt.Sprintf(", did you mean %q", meant)})
		}
	}
	if problems == nil {
		return nil
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Place.Name, b.Place.Name) })
	return problems
}

// misspelt corrects the first word of a variable that is FETTLE with a letter too many, a letter too few or two letters
// swapped; "" if it is not. A substituted letter makes other words, such as KETTLE.
func misspelt(name string) string {
	first, rest, ok := strings.Cut(strings.ToUpper(name), "_")
	word := strings.TrimSuffix(prefix, "_")
	letters := func(word string) string {
		l := []byte(word)
		slices.Sort(l)
		return string(l)
	}
	if !ok || suggest.Distance(first, word) != 1 || len(first) == len(word) && letters(first) != letters(word) {
		return ""
	}
	return prefix + rest
}
