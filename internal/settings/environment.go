package settings

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
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
			return fmt.Errorf("environment: unknown variable %s%s", name, didYouMean(name, known, ""))
		}
	}
	return nil
}
