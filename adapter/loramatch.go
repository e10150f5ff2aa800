package adapter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// loraMatcher decides which modules are adapted, and with which rank and alpha, as PEFT does.
type loraMatcher struct {
	LoRA
	names           []string        // target_modules with all-linear written out
	target, exclude *pythonRegexp   // nil: names
	ranks, alphas   []*pythonRegexp // the keys of the patterns
	layers          []*pythonRegexp // they find a path's layer: group idx
}

// matcher compiles the regular expressions.
func (l LoRA) matcher() (m *loraMatcher, err error) {
	m = &loraMatcher{LoRA: l, names: l.targets()}
	compile := func(key, text string, kind func(string) (*pythonRegexp, error)) *pythonRegexp {
		re, failed := kind(text)
		if failed != nil && err == nil {
			err = fmt.Errorf("%s: %w", key, failed)
		}
		return re
	}
	if l.TargetRegexp != "" {
		m.target = compile("target_modules", l.TargetRegexp, compileFull)
	}
	if l.ExcludeRegexp != "" {
		m.exclude = compile("exclude_modules", l.ExcludeRegexp, compileFull)
	}
	for _, p := range l.RankPattern {
		m.ranks = append(m.ranks, compile("rank_pattern", p.Key, compileEnding))
	}
	for _, p := range l.AlphaPattern {
		m.alphas = append(m.alphas, compile("alpha_pattern", p.Key, compileEnding))
	}
	before := l.LayersPattern
	if len(before) == 0 {
		before = []string{`[^.]*`}
	}
	for _, p := range before {
		m.layers = append(m.layers, compile("layers_pattern", p, compileLayer))
	}
	return m, err
}

// module reports whether target_modules selects a module. Paths that it names whole are not subject to
// layers_to_transform.
func (m *loraMatcher) module(path string) (bool, error) {
	if out, err := m.excluded(path); out || err != nil {
		return false, err
	}
	if m.covers(path) {
		return false, nil
	}
	if m.target != nil {
		ok, err := m.target.matches(path)
		return ok, about("target_modules", err)
	}
	if slices.Contains(m.names, path) {
		return true, nil
	}
	if !isOne(path, m.names) {
		return false, nil
	}
	return m.inLayer(path)
}

// parameter reports whether target_parameters selects a weight.
func (m *loraMatcher) parameter(path string) bool { return isOne(path, m.Parameters) }

func (m *loraMatcher) excluded(path string) (bool, error) {
	if m.exclude != nil {
		out, err := m.exclude.matches(path)
		return out, about("exclude_modules", err)
	}
	return isOne(path, m.Exclude), nil
}

// inLayer reports whether a path belongs to a layer of layers_to_transform.
func (m *loraMatcher) inLayer(path string) (bool, error) {
	if m.OnlyLayers == nil {
		return true, nil
	}
	for _, re := range m.layers {
		number, found, err := re.group(path, "idx")
		if err != nil {
			return false, about("layers_pattern", err)
		}
		if found {
			layer, err := strconv.Atoi(number)
			return err == nil && slices.Contains(m.OnlyLayers, layer), nil
		}
	}
	return false, nil
}

// rank returns the rank and alpha of a path, those of the first key of a pattern that matches.
func (m *loraMatcher) rank(path string) (int, float64, error) {
	r, err := firstMatch(m.RankPattern, m.ranks, path, m.Rank)
	if err != nil {
		return 0, 0, about("rank_pattern", err)
	}
	if r < 1 || r > maxRank {
		return 0, 0, fmt.Errorf("rank %d at %s, want 1 … %d", r, path, maxRank)
	}
	alpha, err := firstMatch(m.AlphaPattern, m.alphas, path, m.Alpha)
	return r, alpha, about("alpha_pattern", err)
}

// maxRank bounds the memory that a wrong number in a file takes. No matrix of a LLaMA has a higher rank.
const maxRank = 1 << 16

// firstMatch returns the value of the first key that matches a path, compiled being the keys, or otherwise.
func firstMatch[T any](pattern Object[T], compiled []*pythonRegexp, path string, otherwise T) (T, error) {
	for i, re := range compiled {
		if ok, err := re.matches(path); err != nil || ok {
			return pattern[i].Value, err
		}
	}
	return otherwise, nil
}

// unmatched lists the names of target_modules and target_parameters that are none of the base's.
func (m *loraMatcher) unmatched(paths []string) []string {
	var none []string
	for _, name := range m.names {
		if !slices.ContainsFunc(paths, func(path string) bool { return endsIn(path, name) }) {
			none = append(none, name)
		}
	}
	for _, name := range m.Parameters {
		if !slices.ContainsFunc(paths, func(path string) bool { return endsIn(path+weight, name) }) {
			none = append(none, name)
		}
	}
	return none
}

// nothing returns the error of target_modules that select none of the base's paths, by themselves or because of other
// settings.
func (m *loraMatcher) nothing(paths []string) error {
	names := m.TargetRegexp + strings.Join(m.Targets, " ")
	named := len(m.unmatched(paths)) < len(m.names)+len(m.Parameters)
	if m.target != nil {
		named = slices.ContainsFunc(paths, func(path string) bool {
			ok, _ := m.target.matches(path)
			return ok
		})
	}
	if named {
		return fmt.Errorf("target_modules %q selects no module of the base: exclude_modules, layers_to_transform, "+
			"layers_pattern or modules_to_save leave out all that it names", names)
	}
	return fmt.Errorf("target_modules %q selects no module of the base; choose from %s", names,
		strings.Join(targetable(), ", "))
}

// isOne reports whether a path is one of the names, or ends in one after a dot.
func isOne(path string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return endsIn(path, name) })
}

// endsIn reports whether a path is the name, or ends in it after a dot.
func endsIn(path, name string) bool { return strings.HasSuffix("."+path, "."+name) }

// about adds a key of adapter_config.json to an error.
func about(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
