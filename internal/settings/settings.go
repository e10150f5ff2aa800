// Package settings fills structs from a command's flags, the environment and a YAML file. A flag beats a variable, a
// variable beats the file, the file beats the default, which is the field's value when the flags are made.
//
// The tags of a field state its names and its meaning:
//
//	Rank int `yaml:"lora_rank" alias:"lora_r,r" help:"rank of LoRA" group:"method"`
//
// It can then be set by --lora_rank, --lora-rank, --lora_r, FETTLE_LORA_RANK, FETTLE_R, or lora_rank: in a file. A list
// is split at commas unless its tag says whole:"true". A group, which is a heading of help, holds for the fields after
// it too, until the next one. The fields of a struct with the tag yaml:",inline" belong to the struct around it.
package settings

import (
	"fmt"
	"os"
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
	Whole   bool // a list of texts that commas do not split
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
			Value: v.Field(i),
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
}

// Settings connects structs to the flags of a command.
type Settings struct {
	fields  []Field
	keys    map[string]string // names and aliases to keys
	flags   *pflag.FlagSet
	program Program
	given   map[string]bool
}

// New gives a command a flag for every field of the structs, to which configs are pointers, and --config for a file.
func New(flags *pflag.FlagSet, program Program, configs ...any) *Settings {
	s := &Settings{keys: map[string]string{}, flags: flags, program: program, given: map[string]bool{}}
	flags.SortFlags = false
	for _, c := range configs {
		for _, f := range Fields(c) {
			addFlag(flags, f)
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
	addFlag(flags, Field{Key: configKey, Value: reflect.ValueOf(""), Help: help})
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		name = canonical(name)
		if key, ok := s.keys[name]; ok {
			name = key
		}
		return pflag.NormalizedName(name)
	})
	return s
}

// configKey names the setting that is a file of settings.
const configKey = "config"

// canonical spells a name with underscores.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Annotations of flags.
const (
	groupNote = "group"
	namesNote = "names"
)

func addFlag(flags *pflag.FlagSet, f Field) {
	switch v := f.Value.Interface().(type) {
	case string:
		flags.String(f.Key, v, f.Help)
	case bool:
		flags.Bool(f.Key, v, f.Help)
	case int:
		flags.Int(f.Key, v, f.Help)
	case uint64:
		flags.Uint64(f.Key, v, f.Help)
	case float64:
		flags.Float64(f.Key, v, f.Help)
	case []string:
		if f.Whole {
			flags.StringArray(f.Key, v, f.Help)
		} else {
			flags.StringSlice(f.Key, v, f.Help)
		}
	default:
		panic("settings: type of " + f.Key)
	}
	flags.Lookup(f.Key).Annotations = map[string][]string{groupNote: {f.Group}, namesNote: f.names()}
}

// Load fills the structs. Its errors are mistakes in a setting, or a file that cannot be read.
func (s *Settings) Load() error {
	v := viper.NewWithOptions(viper.KeyDelimiter("::"))
	for _, f := range s.fields {
		if err := v.BindPFlag(f.Key, s.flags.Lookup(f.Key)); err != nil {
			return err
		}
		set := s.variables(f)
		if len(set) > 1 {
			return fmt.Errorf("environment: %s is set twice, by %s", f.Key, strings.Join(set, " and "))
		}
		if err := v.BindEnv(append([]string{f.Key}, set...)...); err != nil {
			return err
		}
	}
	file, err := s.file()
	if err != nil {
		return err
	}
	if err := v.MergeConfigMap(file.values); err != nil {
		return fmt.Errorf("config %s: %w", file.name, err)
	}
	for _, f := range s.fields {
		if !v.IsSet(f.Key) {
			continue
		}
		s.given[f.Key] = true
		if err := f.set(v.Get(f.Key)); err != nil {
			return fmt.Errorf("%s: %w", s.origin(f, file), err)
		}
	}
	return nil
}

// origin states where the value of a field comes from.
func (s *Settings) origin(f Field, file file) string {
	if s.flags.Changed(f.Key) {
		return "--" + f.Key
	}
	if set := s.variables(f); len(set) > 0 {
		return "environment: " + set[0]
	}
	return fmt.Sprintf("config %s:%d: %s", file.name, file.lines[f.Key], f.Key)
}

// Given reports whether a setting was set anywhere. It is valid after Load.
func (s *Settings) Given(key string) bool { return s.given[key] }

// Config returns the name of the file that settings come from, or "".
func (s *Settings) Config() string {
	if name, err := s.flags.GetString(configKey); err == nil && name != "" {
		return name
	}
	return os.Getenv(variable(configKey))
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
