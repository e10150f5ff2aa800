package settings

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fettle/internal/suggest"
)

// file is a settings file: texts and lists of texts by key.
type file struct {
	name   string
	values map[string]any
	lines  map[string]int // line of each key
}

// file reads the file that --config names, or a built-in one of this name. Without --config it is empty.
func (s *Settings) file() (file, error) {
	f := file{name: s.Config(), values: map[string]any{}, lines: map[string]int{}}
	if f.name == "" {
		return f, nil
	}
	text, err := os.ReadFile(f.name)
	if errors.Is(err, os.ErrNotExist) && len(s.program.Configs) > 0 {
		if built, ok := s.program.Find(f.name); ok {
			text, err = built, nil
		} else {
			err = fmt.Errorf("%w; the built-in ones are %s", err, strings.Join(s.program.Configs, ", "))
		}
	}
	if err != nil {
		return f, fmt.Errorf("config: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return f, fmt.Errorf("config %s: %w", f.name, err)
	}
	if len(document.Content) == 0 {
		return f, nil
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return f, fmt.Errorf("config %s: want settings, one a line, such as learning_rate: 1e-4", f.name)
	}
	var nodes map[string]yaml.Node
	if err := document.Decode(&nodes); err != nil {
		return f, fmt.Errorf("config %s: %w", f.name, err)
	}
	for _, key := range slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(nodes[a].Line, nodes[b].Line), cmp.Compare(a, b))
	}) {
		if err := s.entry(&f, key, nodes[key]); err != nil {
			return f, fmt.Errorf("config %s:%d: %w", f.name, nodes[key].Line, err)
		}
	}
	return f, nil
}

// entry adds one key of the file and its value. Null stands for the default.
func (s *Settings) entry(f *file, key string, value yaml.Node) error {
	name := canonical(key)
	to, ok := s.keys[name]
	if !ok {
		return fmt.Errorf("unknown key %q%s", key, suggest.DidYouMean(name, s.all(), ""))
	}
	if line, twice := f.lines[to]; twice {
		return fmt.Errorf("%s sets %s, which line %d sets already", key, to, line)
	}
	f.lines[to] = value.Line
	if value.Kind == yaml.AliasNode {
		value = *value.Alias
	}
	switch {
	case value.ShortTag() == "!!null":
	case value.Kind == yaml.ScalarNode:
		f.values[to] = value.Value
	case value.Kind == yaml.SequenceNode:
		list := []string{}
		for _, v := range value.Content {
			if v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
				return fmt.Errorf("%s: the elements of a list are texts or numbers", key)
			}
			list = append(list, v.Value)
		}
		f.values[to] = list
	default:
		return fmt.Errorf("%s has keys of its own, want a value or a list", key)
	}
	return nil
}
