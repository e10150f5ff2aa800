package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"fettle/internal/readfile"
)

// Setting is a setting of a run and its value, as YAML writes it in a line.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// readSettings reads the settings that a run has recorded.
func readSettings(dir string) (map[string]any, error) {
	text, err := readfile.Whole(filepath.Join(dir, settingsFile), readfile.Settings)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", settingsFile, err)
	}
	return all, nil
}

// settingsOf lists the settings of a run in their order, and the hash of the file.
func settingsOf(dir string) (all []Setting, hash string, err error) {
	text, err := readfile.Whole(filepath.Join(dir, settingsFile), readfile.Settings)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(text)
	hash = hex.EncodeToString(sum[:])
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, hash, fmt.Errorf("%s: %w", settingsFile, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, hash, fmt.Errorf("%s: no settings", settingsFile)
	}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, Setting{pairs[i].Value, inLine(pairs[i+1])})
	}
	return all, hash, nil
}

// inLine writes a value in one line.
func inLine(n *yaml.Node) string {
	switch n.Kind {
	case yaml.ScalarNode:
		return strings.Join(strings.Fields(n.Value), " ")
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, c := range n.Content {
			parts[i] = inLine(c)
		}
		return strings.Join(parts, ", ")
	}
	text, _ := yaml.Marshal(n)
	return strings.Join(strings.Fields(string(text)), " ")
}
