// Package configs holds ready-made runs: the published recipes, with a comment on
// the source of every setting.
package configs

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names lists the configs.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Find returns the text of a config by its name, with or without ".yaml".
func Find(name string) ([]byte, bool) {
	text, err := files.ReadFile(strings.TrimSuffix(name, ".yaml") + ".yaml")
	return text, err == nil
}
