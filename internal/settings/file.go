package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"fettle/internal/readfile"
	"go.yaml.in/yaml/v3"
)

// fromFile lists the settings of the file that --config names, or of the built-in one of this name, in its order.
func (s *Settings) fromFile() ([]Entry, error) {
	name := s.Config()
	if name == "" {
		return nil, nil
	}
	text, err := readfile.Whole(name, readfile.Settings)
	from := File
	if errors.Is(err, os.ErrNotExist) && len(s.program.Configs) > 0 {
		if built, ok := s.program.Find(name); ok {
			text, err, from = built, nil, Preset
		} else {
			err = fmt.Errorf("%w; the built-in ones are %s", err, strings.Join(s.program.Configs, ", "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	top, err := document(text)
	if err != nil {
		return nil, fmt.Errorf("config %s%w", name, err)
	}
	merges := maxMerges
	return mapping(top, name, from, &merges)
}

// maxKeys bounds the settings of a mapping. The program has hundreds, and looks for the nearest to each unknown one.
const maxKeys = 2000

// maxMerges bounds the mappings that a file merges (<<): by aliases, a few lines may stand for any number of them, or
// for themselves.
const maxMerges = 1000

// document parses a file and returns its mapping of keys to values, nil if it is empty. Its errors begin with a line.
func document(text []byte) (*yaml.Node, error) {
	if bytes.HasPrefix(text, []byte("%YAML")) {
		text = append([]byte("#"), text[1:]...) // the library refuses the name of version 1.2
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(text, err)
	}
	if err := decoder.Decode(&second); err == nil && second.Content[0].ShortTag() != "!!null" {
		return nil, fmt.Errorf(":%d: a second document begins (---): one file holds the settings of one run",
			second.Content[0].Line)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(text, err)
	}
	switch top := first.Content[0]; {
	case top.Kind == yaml.MappingNode:
		return top, nil
	case top.ShortTag() == "!!null":
		return nil, nil
	case top.Kind == yaml.SequenceNode:
		return nil, fmt.Errorf(":%d: the file is a list; want settings, one a line, such as learning_rate: 1e-4", top.Line)
	default:
		return nil, fmt.Errorf(":%d: want settings, one a line, such as learning_rate: 1e-4", top.Line)
	}
}

var lineOfError = regexp.MustCompile(`^yaml: line (\d+): (.*)`)

// syntaxError names the line of an error of YAML.
func syntaxError(text []byte, err error) error {
	m := lineOfError.FindStringSubmatch(err.Error())
	for i, line := range strings.Split(string(text), "\n") {
		if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") {
			return fmt.Errorf(":%d: the line begins with a tab; YAML indents with spaces", i+1)
		}
	}
	if m == nil {
		return errors.New(": not a text with settings, one a line, such as learning_rate: 1e-4")
	}
	return fmt.Errorf(":%s: not YAML: %s; want settings, one a line, such as learning_rate: 1e-4", m[1], m[2])
}

// mapping lists the entries of a mapping, and those that it merges (<<) where it has no key of that name itself, merges
// mappings at most.
func mapping(top *yaml.Node, name string, from Strength, merges *int) (list []Entry, err error) {
	if top == nil {
		return nil, nil
	}
	if n := len(top.Content) / 2; n > maxKeys {
		return nil, fmt.Errorf("config %s:%d: %d settings, want at most %d", name, top.Line, n, maxKeys)
	}
	lines := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		source := fmt.Sprintf("config %s:%d", name, key.Line)
		if line, twice := lines[key.Value]; twice {
			return nil, fmt.Errorf("%s: %s is set twice; line %d sets it already", source, key.Value, line)
		}
		lines[key.Value] = key.Line
		v, err := plain(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", source, key.Value, err)
		}
		list = append(list, Entry{canonical(key.Value), v, Place{from, source, key.Value}})
	}
	for _, m := range merged {
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		if m.Kind != yaml.MappingNode || m == top {
			return nil, fmt.Errorf("config %s:%d: <<: want a mapping to merge", name, m.Line)
		}
		if *merges--; *merges < 0 {
			return nil, fmt.Errorf("config %s:%d: <<: more than %d mappings are merged", name, m.Line, maxMerges)
		}
		more, err := mapping(m, name, from, merges)
		if err != nil {
			return nil, err
		}
		for _, e := range more {
			if _, own := lines[e.Place.Name]; !own {
				list = append(list, e)
			}
		}
	}
	return list, nil
}

// plain returns the value of a node: texts as they are written, so that 1e-4 stays a number of this program's.
func plain(node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node.ShortTag() == "!!null":
		return nil, nil
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	case node.Kind == yaml.SequenceNode:
		list := []string{}
		for _, v := range node.Content {
			if v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
				return decoded(node)
			}
			list = append(list, v.Value)
		}
		return list, nil
	}
	return decoded(node)
}

func decoded(node *yaml.Node) (v any, _ error) {
	if err := node.Decode(&v); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return v, nil
}
