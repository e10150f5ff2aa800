package adapter

import (
	"fmt"
	"slices"
	"strings"

	"fettle/model"
)

// loraMatcher decides which projections are adapted, and with which rank and alpha, as PEFT does.
type loraMatcher struct {
	LoRA
	target *pythonRegexp // nil: names
	ranks  []*pythonRegexp
	alphas []*pythonRegexp
	hit    map[string]bool // names that have selected a module
}

// matcher compiles the regular expressions.
func (l LoRA) matcher() (*loraMatcher, error) {
	m := &loraMatcher{LoRA: l, hit: map[string]bool{}}
	var err error
	if l.TargetRegexp != "" {
		if m.target, err = compileFull(l.TargetRegexp); err != nil {
			return nil, fmt.Errorf("target_modules: %w", err)
		}
	}
	if m.ranks, err = compileEndings(l.RankPattern); err != nil {
		return nil, fmt.Errorf("rank_pattern: %w", err)
	}
	if m.alphas, err = compileEndings(l.AlphaPattern); err != nil {
		return nil, fmt.Errorf("alpha_pattern: %w", err)
	}
	return m, nil
}

// compileEndings compiles the keys of a pattern.
func compileEndings[T any](pattern Object[T]) (all []*pythonRegexp, err error) {
	for _, m := range pattern {
		re, err := compileEnding(m.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	return all, nil
}

// adapts reports whether a site is adapted, and marks the target that selects it.
func (m *loraMatcher) adapts(at model.Site) (bool, error) {
	if m.OnlyLayers != nil && !slices.Contains(m.OnlyLayers, at.Layer) {
		return false, nil
	}
	path := at.ModuleName()
	if m.target != nil {
		ok, err := m.target.matches(path)
		if err != nil {
			err = fmt.Errorf("target_modules: %w", err)
		}
		return ok, err
	}
	for _, t := range m.targets() {
		if path == t || strings.HasSuffix(path, "."+t) {
			m.hit[t] = true
			return true, nil
		}
	}
	return false, nil
}

// rank returns the rank and alpha of a site, those of the first key of a pattern that matches.
func (m *loraMatcher) rank(at model.Site) (int, float64, error) {
	r, err := firstMatch(m.RankPattern, m.ranks, at, m.Rank)
	if err != nil {
		return 0, 0, fmt.Errorf("rank_pattern: %w", err)
	}
	if r < 1 {
		return 0, 0, fmt.Errorf("rank %d at %v, want 1 or more", r, at)
	}
	alpha, err := firstMatch(m.AlphaPattern, m.alphas, at, m.Alpha)
	if err != nil {
		return 0, 0, fmt.Errorf("alpha_pattern: %w", err)
	}
	return r, alpha, nil
}

// firstMatch returns the value of the first key that matches a site, compiled being the keys, or otherwise.
func firstMatch[T any](pattern Object[T], compiled []*pythonRegexp, at model.Site, otherwise T) (T, error) {
	for i, re := range compiled {
		if ok, err := re.matches(at.ModuleName()); err != nil || ok {
			return pattern[i].Value, err
		}
	}
	return otherwise, nil
}
