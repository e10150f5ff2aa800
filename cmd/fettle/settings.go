package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"

	ready "fettle/configs"
)

// settings connect a struct with yaml tags to a command's flags, a file and
// the environment: a flag beats a variable beats the file beats the default.
type settings struct {
	keys    []string          // in the struct's order
	aliases map[string]string // other tools' names
	whole   map[string]bool   // lists whose elements may hold commas
}

// field is one setting of a struct.
type field struct {
	key, help string
	aliases   []string
	whole     bool // a list of texts that commas do not part
	value     reflect.Value
}

func fields(config any) []field {
	v := reflect.Indirect(reflect.ValueOf(config))
	var all []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		f := field{key: tag.Get("yaml"), help: tag.Get("help"), whole: tag.Get("whole") != "", value: v.Field(i)}
		if a := tag.Get("alias"); a != "" {
			f.aliases = strings.Split(a, ",")
		}
		all = append(all, f)
	}
	return all
}

// addSettings gives a command a flag for every field of the configs, whose
// values are the defaults.
func addSettings(cmd *cobra.Command, configs ...any) *settings {
	s := &settings{aliases: map[string]string{}, whole: map[string]bool{}}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.String("config", "", "YAML file with settings, or the name of a built-in one: "+strings.Join(ready.Names(), ", "))
	for _, c := range configs {
		s.add(flags, c)
	}
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		name = strings.ReplaceAll(name, "-", "_")
		if key, ok := s.aliases[name]; ok {
			name = key
		}
		return pflag.NormalizedName(name)
	})
	return s
}

func (s *settings) add(flags *pflag.FlagSet, config any) {
	for _, f := range fields(config) {
		switch v := f.value.Interface().(type) {
		case string:
			flags.String(f.key, v, f.help)
		case bool:
			flags.Bool(f.key, v, f.help)
		case int:
			flags.Int(f.key, v, f.help)
		case uint64:
			flags.Uint64(f.key, v, f.help)
		case float64:
			flags.Float64(f.key, v, f.help)
		case []string:
			if s.whole[f.key] = f.whole; f.whole {
				flags.StringArray(f.key, v, f.help)
			} else {
				flags.StringSlice(f.key, v, f.help)
			}
		default:
			panic("settings: type of " + f.key)
		}
		s.keys = append(s.keys, f.key)
		for _, a := range f.aliases {
			s.aliases[a] = f.key
		}
	}
}

// load fills the configs from everything that was set. Keys that none of them
// has were refused when the file was read.
func (s *settings) load(cmd *cobra.Command, configs ...any) error {
	v := viper.NewWithOptions(viper.KeyDelimiter("::"))
	v.SetEnvPrefix("FETTLE")
	for _, key := range s.keys {
		v.BindPFlag(key, cmd.Flags().Lookup(key))
		v.BindEnv(key)
	}
	name, _ := cmd.Flags().GetString("config")
	if name != "" {
		file, err := s.read(name)
		if err != nil {
			return err
		}
		if err := v.MergeConfigMap(file); err != nil {
			return usage(fmt.Errorf("config %s: %w", name, err))
		}
	}
	for _, c := range configs {
		err := v.Unmarshal(c, func(d *mapstructure.DecoderConfig) {
			d.TagName = "yaml"
			d.DecodeHook = mapstructure.ComposeDecodeHookFunc(mapstructure.StringToSliceHookFunc(","), wholeNumbers, spelled)
		})
		if err != nil {
			return usage(fmt.Errorf("config: %s", readable(err)))
		}
	}
	return nil
}

// wholeNumbers refuses 1.5 where a whole number is wanted.
func wholeNumbers(from, to reflect.Type, value any) (any, error) {
	f, ok := value.(float64)
	if ok && (to.Kind() == reflect.Int || to.Kind() == reflect.Uint64) && f != math.Trunc(f) {
		return nil, fmt.Errorf("%v is not a whole number", f)
	}
	return value, nil
}

// spelled lets a file say true and false where words are wanted.
func spelled(from, to reflect.Type, value any) (any, error) {
	if b, ok := value.(bool); ok && to.Kind() == reflect.String {
		return strconv.FormatBool(b), nil
	}
	return value, nil
}

// readable takes the decoder's wrapping off.
func readable(err error) string {
	text := err.Error()
	if _, rest, ok := strings.Cut(text, "error(s):\n"); ok {
		text = rest
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "\n\n", "\n"))
}

// read reads a settings file, or a built-in one by its name.
func (s *settings) read(name string) (map[string]any, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		if built, ok := ready.Find(name); ok {
			text, err = built, nil
		} else {
			err = fmt.Errorf("%w; built in are %s", err, strings.Join(ready.Names(), ", "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, usage(fmt.Errorf("config %s: %w", name, err))
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		canonical := strings.ReplaceAll(key, "-", "_")
		if to, ok := s.aliases[canonical]; ok {
			canonical = to
		}
		if !slices.Contains(s.keys, canonical) {
			return nil, usage(fmt.Errorf("config %s: unknown key %q%s", name, key, s.suggest(canonical)))
		}
		if _, ok := out[canonical]; ok {
			return nil, usage(fmt.Errorf("config %s: %q is set twice, under another name too", name, canonical))
		}
		if text, ok := file[key].(string); ok && s.whole[canonical] {
			out[canonical] = []string{text}
		} else if file[key] != nil { // null: the default
			out[canonical] = file[key]
		}
	}
	return out, nil
}

// suggest offers the nearest key, if one is near.
func (s *settings) suggest(key string) string {
	return didYouMean(key, slices.Concat(s.keys, slices.Sorted(maps.Keys(s.aliases))), "")
}

// didYouMean names the candidate nearest to a word.
func didYouMean(word string, candidates []string, prefix string) string {
	best, at := 1+len(word)/3, ""
	for _, c := range candidates {
		if d := distance(c, word); d <= best && (at == "" || d < best) {
			best, at = d, c
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", prefix+at)
}

// distance is Levenshtein's, with neighbours swapped counting one (Damerau).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
		for j := range d[i] {
			if i == 0 {
				d[i][j] = j
				continue
			}
			if j == 0 {
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// flagError explains a flag that could not be read.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := strings.ReplaceAll(unknown.GetSpecifiedName(), "-", "_")
		return usage(fmt.Errorf("unknown flag --%s%s (fettle %s --help lists them)", unknown.GetSpecifiedName(), didYouMean(name, names, "--"), cmd.Name()))
	}
	return usage(err)
}
