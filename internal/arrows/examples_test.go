package arrows

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
		require.FileExists(t, filepath.Join(root, room, "example_test.go"))
	}
}
