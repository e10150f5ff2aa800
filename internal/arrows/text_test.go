package arrows

import (
	"go/ast"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	maxLines   = 400
	maxColumns = 120 // in characters; a tab counts as one
)

func TestFilesAreOneIdea(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		if !f.generated {
			require.LessOrEqual(t, strings.Count(f.text, "\n"), maxLines, "%s is two ideas", f.path)
		}
		for _, d := range f.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				require.NotEqual(t, "init", f.Name.Name, "there is an init")
			}
		}
	}
}

func TestLinesHave120ColumnsAtMost(t *testing.T) {
	for _, f := range sources(t) {
		if f.generated {
			continue
		}
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			if strings.Contains(line, "`yaml:\"") {
				continue // a struct tag cannot be broken
			}
			columns := utf8.RuneCountInString(strings.TrimRight(line, "\r\n"))
			require.LessOrEqual(t, columns, maxColumns, "%s:%d", f.path, n)
		}
	}
}
