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

// variables lists the variables, of the names of a field, that are set. An empty one counts as unset.
func (s *Settings) variables(f Field) []string {
	var set []string
	for _, name := range f.names() {
		if v := variable(name); os.Getenv(v) != "" && !slices.Contains(s.program.Variables, v) {
			set = append(set, v)
		}
	}
	return set
}

// CheckEnvironment refuses variables FETTLE_… that are neither a setting of these flag sets nor another variable of the
// program, and names the nearest one. Give it the flags of all commands: a variable may be meant for another one.
func (s *Settings) CheckEnvironment(flags ...*pflag.FlagSet) error {
	known := slices.Clone(s.program.Variables)
	for _, set := range flags {
		set.VisitAll(func(f *pflag.Flag) {
			for _, name := range f.Annotations[namesNote] {
				known = append(known, variable(name))
			}
		})
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, prefix) && value != "" && !slices.Contains(known, name) {
			return fmt.Errorf("environment: unknown variable %s%s", name, suggest.DidYouMean(name, known, ""))
		}
	}
	return nil
}
