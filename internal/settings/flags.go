package settings

import (
	"errors"
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
	namesNote = "names"
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
		flag.Annotations = map[string][]string{groupNote: {f.Group}, namesNote: f.names()}
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

// Arguments joins a flag whose value may be left out with the word after it, where that is a value of the flag:
// --shuffle False becomes --shuffle=False, --resume runs/a/checkpoint-000200 becomes --resume=runs/a/checkpoint-000200.
// Words after the first of a list are more of it: --lora_target_modules q_proj v_proj.
func Arguments(flags *pflag.FlagSet, args []string) []string {
	var joined []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, isFlag := strings.CutPrefix(arg, "--")
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		flag := flags.Lookup(name)
		if !isFlag || flag == nil || i+1 == len(args) {
			joined = append(joined, arg)
			continue
		}
		switch next := args[i+1]; {
		case flag.NoOptDefVal == "":
			joined = append(joined, arg, next)
			for i++; flag.Value.Type() == "stringSlice" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"); i++ {
				joined = append(joined, arg, args[i+1])
			}
		case takes(flag, next):
			joined = append(joined, arg+"="+next)
			i++
		default:
			joined = append(joined, arg)
		}
	}
	return joined
}

// takes reports whether a word is a value of a flag whose value may be left out.
func takes(flag *pflag.Flag, word string) bool {
	if flag.Value.Type() == "bool" {
		_, err := truth(word)
		return err == nil
	}
	return !strings.HasPrefix(word, "-")
}

// FlagError explains a flag that could not be read.
func FlagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != loose {
				names = append(names, f.Name)
			}
		})
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("unknown flag --%s%s", name, didYouMean(canonical(name), names, "--"))
	}
	return err
}

// didYouMean suggests a name that differs by one or two letters, at most a third of them. A name further away probably
// means something else.
func didYouMean(word string, names []string, prefix string) string {
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return suggest.Distance(name, word) > min(2, len(word)/3)
	})
	return suggest.DidYouMean(word, near, prefix)
}
