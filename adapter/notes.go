package adapter

import (
	"fmt"
	"strings"

	"fettle/model"
)

// Notes lists, for people, settings of an adapter's file that have no effect on the base.
func (s *Set) Notes() []string {
	if n, ok := s.method.(interface{ notes(*model.Config) []string }); ok {
		return n.notes(s.model.Config())
	}
	return nil
}

func (l LoRA) notes(c *model.Config) []string {
	match, err := l.matcher()
	if err != nil {
		return nil
	}
	paths := otherModules(c)
	for _, at := range linearSites(c) {
		paths = append(append(paths, at.ModuleName()), otherPaths(c, at)...)
	}
	if none := match.unmatched(paths); len(none) > 0 {
		return []string{fmt.Sprintf("target_modules names %s, which the base does not have", strings.Join(none, ", "))}
	}
	return nil
}
