package arrows

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withoutExample lists public packages that have no example yet.
var withoutExample = []string{
	"adapter", "configs", "data", "data/chattemplate", "data/clean", "data/encode", "data/lint", "data/recipe",
	"data/source", "model", "model/chat", "train", "train/checkpoint", "train/plan", "train/report",
}

func TestPublicPackagesHaveAnExample(t *testing.T) {
	packages := map[string]bool{}
	for _, f := range sources(t) {
		room := path.Dir(f.path)
		internal := slices.Contains(strings.Split(room, "/"), "internal")
		if !f.test && !internal && f.ast.Name.Name != "main" {
			packages[room] = true
		}
	}
	for room := range packages {
		if _, err := os.Stat(filepath.Join(root, room, "example_test.go")); err != nil {
			require.Contains(t, withoutExample, room, "a public package without example_test.go")
		}
	}
}
