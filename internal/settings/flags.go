package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fettle/internal/suggest"
)

// texts is the value of a flag: what it was given, to be read with the other sources.
type texts struct {
	kind  string
	shown string // the default, for help
	given []string
}

func (t *texts) String() string { return t.shown }
func (t *texts) Type() string   { return t.kind }
func (t *texts) Set(text string) error {
	t.given = append(t.given, text)
	return nil
}

// Annotations of flags.
const (
	groupNote = "group"
	NamesNote = "names" // the setting's key and its aliases
	placeNote = "place" // the file's line or the environment, where the setting is from there
)

// loose is the kind of the flags of other programs: a value may be left out.
const loose = "loose"

// addFlags adds a field's flag, and a hidden one for every alias.
func (s *Settings) addFlags(f Field) {
	kind, shown := f.kind()
	for _, name := range f.names() {
		flag := s.flags.VarPF(&texts{kind: kind, shown: shown}, name, "", f.Help)
		flag.Hidden = name != f.Key
		flag.NoOptDefVal = f.Bare
		if kind == "bool" {
			flag.NoOptDefVal = "true"
		}
		flag.Annotations = map[string][]string{groupNote: {f.Group}, NamesNote: f.names()}
	}
}

// kind names a field's type as pflag does, and writes its value.
func (f Field) kind() (kind, shown string) {
	switch v := f.Value.Interface().(type) {
	case []string:
		if f.Whole {
			return "stringArray", strings.Join(v, ",")
		}
		return "stringSlice", strings.Join(v, ",")
	case string, bool, int, uint64, float64:
		return reflect.TypeOf(v).String(), fmt.Sprint(v)
	}
	panic("settings: type of " + f.Key)
}

// fromFlags lists the settings that flags give, in the order of the fields. Of a repeated flag with one value
// the last counts, as in other programs; lists accumulate.
func (s *Settings) fromFlags() (list []Entry, err error) {
	var problems Problems
	s.flags.VisitAll(func(flag *pflag.Flag) {
		t, ok := flag.Value.(*texts)
		if !ok || len(t.given) == 0 {
			return
		}
		e := Entry{flag.Name, t.given[len(t.given)-1], Place{Flag, "", "--" + flag.Name}}
		if strings.HasPrefix(t.kind, "string") && t.kind != "string" {
			f := s.field(s.keys[flag.Name])
			all := []string{}
			for _, text := range t.given {
				list, err := f.split(text)
				if err != nil {
					problems = append(problems, Problem{Place: e.Place, Text: err.Error()})
				}
				all = append(all, list...)
			}
			e.Value = all
		}
		list = append(list, e)
	})
	if problems != nil {
		return nil, problems
	}
	return list, nil
}

// didYouMean suggests a name that differs by one or two letters, at most a third of them. A name further away probably
// means something else.
func didYouMean(word string, names []string, prefix string) string {
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return suggest.Distance(name, word) > min(2, len(word)/3)
	})
	return suggest.DidYouMean(word, near, prefix)
}
