package arrows

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A departure from another system is held by a test, which docs/DEPARTURES.md names.
func TestDeparturesNameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	for _, f := range sources(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test {
				tests[fn.Name.Name] = true
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "DEPARTURES.md"))
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\| (D\d+) \|.*$`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		names := regexp.MustCompile(`Test[A-Z0-9]\w+`).FindAllString(row[0], -1)
		require.NotEmpty(t, names, row[1])
		for _, name := range names {
			require.True(t, tests[name], "%s: there is no %s", row[1], name)
		}
	}
}
