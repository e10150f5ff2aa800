package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"fettle/adapter"
	datasource "fettle/data/source"
	"fettle/internal/human"
	"fettle/internal/settings"
	"fettle/model/chat"
	"fettle/train"
)

// loadRun fills the settings of a run. It refuses those that were given and cannot act, and takes base, method and
// recipe of an adapter that is continued from the adapter.
func loadRun(cmd *cobra.Command, s *settings.Settings, c *train.Config) error {
	if err := load(cmd, s); err != nil {
		return err
	}
	if err := settleRun(cmd, c); err != nil {
		return err
	}
	if c.WarmupSteps == 0 && s.Given("warmup_steps") && !s.Given("warmup_ratio") {
		c.WarmupRatio = 0 // warmup_steps: 0 means no warm-up
	}
	printTranslation(cmd.ErrOrStderr(), s)
	fitDefaults(cmd.ErrOrStderr(), s, c)
	problems := continueAdapter(s, c)
	defaults, whole := train.Defaults(), *c
	whole.DatasetFormat = detected(c)
	for _, idle := range whole.Idle() {
		place := s.Place(idle.Key)
		value, usual := settingOf(c, idle.Key), settingOf(&defaults, idle.Key)
		switch {
		case !place.Explicit(), value.IsZero(), value.Kind() == reflect.Slice && value.Len() == 0:
		case place.Strength == settings.File && (same(value, usual) || s.Recorded()): // as in the config.yaml of a run
		case place.Strength < s.Place(idle.Beside).Strength: // overridden
		case idle.Usual:
			log := newLog(cmd.ErrOrStderr())
			log.Warn().Msgf("%s %v is not used: %s", place, value, idle.Why)
		default:
			problems = append(problems, settings.Problem{Place: place,
				Text: fmt.Sprintf("%v cannot act: %s", value, idle.Why)})
		}
	}
	if problems != nil {
		return usage(problems)
	}
	if err := completeBase(c); err != nil {
		return err
	}
	return inherit(newLog(cmd.ErrOrStderr()), s, c)
}

// detected returns dataset_format, with auto replaced by the format that all files have, if there is one. Files that
// cannot be read are reported where they are.
func detected(c *train.Config) string {
	columns, err := datasource.ParseColumns(c.Columns)
	if c.DatasetFormat != "auto" || err != nil {
		return c.DatasetFormat
	}
	format := ""
	for _, path := range c.Dataset {
		r, err := datasource.Open(datasource.File{Path: path, Columns: columns}, nil)
		if err != nil || format != "" && r.Format() != format {
			return c.DatasetFormat
		}
		format = r.Format()
	}
	return cmp.Or(format, c.DatasetFormat)
}

// printTranslation shows what became of the keys of other programs.
func printTranslation(out io.Writer, s *settings.Settings) {
	t := s.Translation()
	if len(t.Notes) == 0 {
		return
	}
	title := "Settings of other programs:"
	if t.Program != "" {
		title = fmt.Sprintf("%s is a file of %s; its settings here:", s.Config(), t.Program)
	}
	var rows [][]string
	for _, n := range t.Notes {
		at := n.Place.Source
		if i := strings.LastIndexByte(at, ':'); i >= 0 {
			at = "line " + at[i+1:]
		}
		rows = append(rows, []string{"  " + at, n.Place.Name, n.Text})
	}
	fmt.Fprintf(out, "%s\n%s", title, human.Table(rows))
}

// fitDefaults adapts the settings of another program's file to the model: no sequence is longer than its positions, and
// without a chat template there is the default recipe.
func fitDefaults(out io.Writer, s *settings.Settings, c *train.Config) {
	if s.Translation().Program == "" {
		return
	}
	shape, where, err := baseShape(*c)
	if err != nil {
		return // reported where the base is read
	}
	if s.Place("max_seq_length").Strength <= settings.File && c.Cutoff > shape.MaxPositions {
		fmt.Fprintf(out, "max_seq_length: %d, the positions of the model, not %d\n", shape.MaxPositions, c.Cutoff)
		c.Cutoff = shape.MaxPositions
	}
	if t, err := chat.ReadTemplate(where); !s.Place("recipe").Explicit() && c.Recipe == chat.OwnTemplate && err == nil &&
		t.Path == "" {
		c.Recipe = train.Defaults().Recipe
		fmt.Fprintf(out, "recipe: %s, as the model has no chat template\n", c.Recipe)
	}
}

// continueAdapter gives a run that continues an adapter the adapter's method and settings, and lists the settings that
// were given and differ from them. A directory that holds no adapter is reported where it is read.
func continueAdapter(s *settings.Settings, c *train.Config) (problems settings.Problems) {
	if c.Adapter == "" || c.Type == adapter.TypeFull {
		return nil
	}
	stored, err := adapter.Continued(c.Adapter, nil)
	if err != nil {
		return nil
	}
	if !s.Given("finetuning_type") {
		c.Type = stored.Name()
	}
	requested, err := c.Methods.Find(c.Type)
	if err != nil || c.Type != stored.Name() {
		return nil
	}
	requested = changed(requested, stored, func(key string) bool { return !s.Given(key) })
	kept, err := adapter.Continued(c.Adapter, requested)
	if err != nil {
		return nil
	}
	for _, f := range settings.Fields(pointer(requested)) {
		keeps := settingOf(pointer(kept), f.Key)
		if s.Place(f.Key).Explicit() && !same(f.Value, keeps) {
			problems = append(problems, settings.Problem{Place: s.Place(f.Key), Text: fmt.Sprintf(
				"%v cannot act: the adapter %s keeps its %v; leave it out, or train a new adapter without adapter_name_or_path",
				f.Value, c.Adapter, keeps)})
		}
	}
	c.Methods.Set(kept)
	return problems
}

// changed returns a method with the settings of another one where replace says so.
func changed(m, from adapter.Method, replace func(key string) bool) adapter.Method {
	to := pointer(m)
	for _, f := range settings.Fields(to) {
		if replace(f.Key) {
			f.Value.Set(settingOf(pointer(from), f.Key))
		}
	}
	return reflect.ValueOf(to).Elem().Interface().(adapter.Method)
}

// pointer returns a pointer to a copy of a method.
func pointer(m adapter.Method) any {
	p := reflect.New(reflect.TypeOf(m))
	p.Elem().Set(reflect.ValueOf(m))
	return p.Interface()
}

// settingOf returns the field of a key in the struct that config points to.
func settingOf(config any, key string) reflect.Value {
	all := settings.Fields(config)
	return all[slices.IndexFunc(all, func(f settings.Field) bool { return f.Key == key })].Value
}

// same compares two values of a setting; no list is an empty one.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 {
		return b.Len() == 0
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// ranSettings returns config.yaml: the settings of a run under the headings of help, without those that could not act
// and those that are off as they are by default: empty texts and lists, switches, counts of 0.
func ranSettings(c train.Config) ([]byte, error) {
	defaults, group := train.Defaults(), ""
	idle := map[string]bool{}
	for _, i := range c.Idle() {
		idle[i.Key] = true
	}
	mapping := yaml.Node{Kind: yaml.MappingNode}
	for _, f := range settings.Fields(&c) {
		if idle[f.Key] || off(f.Value) && off(settingOf(&defaults, f.Key)) {
			continue
		}
		key, value := yaml.Node{Kind: yaml.ScalarNode, Value: f.Key}, yaml.Node{}
		if err := value.Encode(f.Value.Interface()); err != nil {
			return nil, err
		}
		if f.Group != group {
			group = f.Group
			key.HeadComment = group
		}
		mapping.Content = append(mapping.Content, &key, &value)
	}
	text, err := yaml.Marshal(&mapping)
	return bytes.ReplaceAll(text, []byte("\n# "), []byte("\n\n# ")), err
}

// off reports whether a text, list, switch or count is empty. Rates of 0 are values like others.
func off(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice:
		return v.Len() == 0
	case reflect.Float64, reflect.Uint64:
		return false
	}
	return v.IsZero()
}
