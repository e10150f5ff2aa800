// Package settings fills structs from a command's flags, the environment and a YAML file. A flag beats a variable, a
// variable beats the file, the file beats the default, which is the field's value when the flags are made.
//
// The tags of a field state its names and its meaning:
//
//	Rank int `yaml:"lora_rank" alias:"lora_r,r" help:"rank of LoRA" group:"method"`
//
// It can then be set by --lora_rank, --lora-rank, --lora_r, FETTLE_LORA_RANK, FETTLE_R, or lora_rank: in a file. A list
// is split at commas unless its tag says whole:"true"; pairs:"true" is for a list of key=value, which a file may write
// as a mapping; path is for names of files and directories (see Path). Two more tags are for other spellings of a
// value: words lists those that mean another one, as in words:"true=all,false=none", and bare is the value of the flag
// alone.
// A group, which is a heading of help, holds for the fields after it too, until the next one. The fields of a struct
// with the tag yaml:",inline" belong to the struct around it.
package settings

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Field is one setting of a struct.
type Field struct {
	Key     string // its name in files and flags
	Help    string
	Group   string // the heading it has in help
	Aliases []string
	Whole   bool              // a list of texts that commas do not split
	Pairs   bool              // a list of key=value
	Path    Path              // names of files or directories; "": no such names
	Words   map[string]string // words, in lower case, that stand for a value
	Bare    string            // the value of the flag without one; "": it needs one
	Most    float64           // the largest a number may be
	Value   reflect.Value
}

// Fields lists the settings of a struct, given a pointer to it, in the struct's order.
func Fields(config any) []Field {
	return fieldsOf(reflect.ValueOf(config).Elem(), "")
}

func fieldsOf(v reflect.Value, group string) []Field {
	var all []Field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		f := Field{
			Key: tag.Get("yaml"), Help: tag.Get("help"), Group: tag.Get("group"), Whole: tag.Get("whole") != "",
			Pairs: tag.Get("pairs") != "", Path: Path(tag.Get("path")), Words: map[string]string{}, Bare: tag.Get("bare"),
			Value: v.Field(i), Most: most(v.Field(i), tag.Get("most")),
		}
		for pair := range strings.SplitSeq(tag.Get("words"), ",") {
			if word, value, ok := strings.Cut(pair, "="); ok {
				f.Words[word] = value
			}
		}
		if f.Group == "" {
			f.Group = group
		}
		group = f.Group
		if a := tag.Get("alias"); a != "" {
			f.Aliases = strings.Split(a, ",")
		}
		switch f.Key {
		case ",inline":
			all = append(all, fieldsOf(f.Value, f.Group)...)
		case "", "-":
		default:
			all = append(all, f)
		}
	}
	return all
}

// names lists the key and its aliases.
func (f Field) names() []string { return append([]string{f.Key}, f.Aliases...) }

// Program describes the program that has the settings.
type Program struct {
	Configs   []string // names of the configs that are part of it; nil: none
	Find      func(name string) (text []byte, ok bool)
	Variables []string // FETTLE_… that it reads and that are no settings, even if an alias has this name
	Others    Others   // the keys of other programs; nil: none
}

// Others knows the settings of other programs.
type Others interface {
	// Keys lists their names.
	Keys() []string

	// Translate replaces entries of other programs' keys by entries of this program's.
	Translate([]Entry) Translation
}

// Translation is the meaning of entries that other programs' keys are among.
type Translation struct {
	Program  string // whose file it is; "": this program's own
	Entries  []Entry
	Notes    []Note
	Problems Problems
}

// Note says what became of a key of another program.
type Note struct {
	Place Place
	Text  string
}

// Settings connects structs to the flags of a command.
type Settings struct {
	fields  []Field
	keys    map[string]string // names and aliases to keys
	flags   *pflag.FlagSet
	program Program
	given   map[string]Place
	said    Translation
}

// New gives a command a flag for every field of the structs, to which configs are pointers, and --config for a file.
func New(flags *pflag.FlagSet, program Program, configs ...any) *Settings {
	s := &Settings{keys: map[string]string{}, flags: flags, program: program, given: map[string]Place{}}
	flags.SortFlags = false
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(canonical(name))
	})
	for _, c := range configs {
		for _, f := range Fields(c) {
			s.addFlags(f)
			for _, name := range f.names() {
				s.keys[name] = f.Key
			}
			s.fields = append(s.fields, f)
		}
	}
	help := "YAML file with settings"
	if len(program.Configs) > 0 {
		help += ", or the name of a built-in one: " + strings.Join(program.Configs, ", ")
	}
	flags.String(configKey, "", help)
	flags.Lookup(configKey).Annotations = map[string][]string{NamesNote: {configKey}}
	if program.Others != nil {
		for _, name := range program.Others.Keys() {
			if flags.Lookup(name) == nil {
				flag := flags.VarPF(&texts{kind: loose}, name, "", "")
				flag.Hidden, flag.NoOptDefVal = true, "true"
				flag.Annotations = map[string][]string{NamesNote: {name}}
			}
		}
	}
	return s
}

// configKey names the setting that is a file of settings, or the directory of a run, which has one of this name.
const (
	configKey  = "config"
	configFile = "config.yaml"
)

// canonical spells a name with underscores.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Load fills the structs. Its errors are mistakes in settings, or a file that cannot be read.
func (s *Settings) Load() error {
	given, err := s.entries()
	if err != nil {
		return err
	}
	s.said = Translation{Entries: given}
	if s.program.Others != nil {
		s.said = s.program.Others.Translate(given)
	}
	problems := s.said.Problems
	v := viper.NewWithOptions(viper.KeyDelimiter("::"))
	slices.SortStableFunc(s.said.Entries, func(a, b Entry) int { return cmp.Compare(a.Place.Strength, b.Place.Strength) })
	for _, e := range s.said.Entries {
		key, ok := s.keys[e.Key]
		old, has := s.given[key]
		switch {
		case !ok:
			problems = append(problems, Problem{Place: e.Place, Is: "unknown key", Text: s.meant(e)})
		case e.Value == nil: // null leaves what another place or another name says
		case has && old.Strength == e.Place.Strength && old.Strength > Preset:
			problems = append(problems, Problem{Place: e.Place, Text: fmt.Sprintf(
				"it and %s are one setting, %s, set twice: leave one out", old, key)})
		default:
			if err := v.MergeConfigMap(map[string]any{key: e.Value}); err != nil {
				return err
			}
			s.given[key] = e.Place
		}
	}
	for _, f := range s.fields {
		if !v.IsSet(f.Key) {
			delete(s.given, f.Key)
		} else if err := f.set(v.Get(f.Key)); err == nil {
			s.flags.Lookup(f.Key).Annotations[placeNote] = []string{s.given[f.Key].Source}
		} else {
			problems = append(problems, Problem{Place: s.given[f.Key], Text: err.Error()})
		}
		if err := f.complete(s.given[f.Key], s.folder()); err != nil {
			problems = append(problems, Problem{Place: s.given[f.Key], Text: err.Error()})
		}
	}
	if problems == nil {
		return nil
	}
	for _, n := range s.said.Notes {
		if n.Place.Explicit() {
			problems = append(problems, Problem{Place: n.Place, Text: n.Text, Fine: true})
		}
	}
	return problems
}

// entries lists the settings as they are written: the file's, the environment's, the flags'.
func (s *Settings) entries() ([]Entry, error) {
	file, err := s.fromFile()
	if err != nil {
		return nil, err
	}
	flags, err := s.fromFlags()
	return slices.Concat(file, s.fromEnvironment(), flags), err
}

// Given reports whether a setting was set anywhere. It is valid after Load.
func (s *Settings) Given(key string) bool { return s.given[key].Strength > Default }

// Stated reports whether the user wrote a setting. It is valid after Load.
func (s *Settings) Stated(key string) bool { return s.given[key].Explicit() }

// Place states where a setting was given; the zero value where it was not. It is valid after Load.
func (s *Settings) Place(key string) Place { return s.given[key] }

// Translation returns what became of the keys of other programs. It is valid after Load.
func (s *Settings) Translation() Translation { return s.said }

// Recorded reports whether the file states nearly all settings, as one does that a run has written. It is valid after
// Load.
func (s *Settings) Recorded() bool {
	stated := 0
	for _, f := range s.fields {
		if s.given[f.Key].Strength == File {
			stated++
		}
	}
	return 10*stated > 8*len(s.fields)
}

// Config returns the name of the file that settings come from, or "".
func (s *Settings) Config() string {
	name, err := s.flags.GetString(configKey)
	if err != nil || name == "" {
		name = os.Getenv(variable(configKey))
	}
	name = atHome(name)
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return filepath.Join(name, configFile)
	}
	return name
}

// folder returns the directory of the file that settings come from, or "".
func (s *Settings) folder() string {
	name := s.Config()
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return filepath.Dir(name)
}

// all lists the names and aliases of all settings, sorted.
func (s *Settings) all() []string {
	var names []string
	for name := range s.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// meant suggests a setting for an unknown key, or else a key of another program that is explained.
func (s *Settings) meant(e Entry) string {
	text := didYouMean(e.Key, s.all(), "")
	if text == "" && s.program.Others != nil {
		text = didYouMean(e.Key, s.program.Others.Keys(), "")
	}
	inner, nested := e.Value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(inner)) {
		return fmt.Sprintf("%s: settings are not nested: write %s at the beginning of a line", text, key)
	}
	if nested {
		return text + ": its value is missing"
	}
	return text
}

// Value returns a setting's value. It is valid after Load.
func (s *Settings) Value(key string) any { return s.field(key).Value.Interface() }

// field returns the field of a key.
func (s *Settings) field(key string) Field {
	return s.fields[slices.IndexFunc(s.fields, func(f Field) bool { return f.Key == key })]
}
