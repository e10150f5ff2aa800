package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// source is a Go file of the module.
type source struct {
	path      string // below root, with slashes
	text      string
	ast       *ast.File
	test      bool
	generated bool
}

// sources parses the Go files of the module, except those in testdata.
func sources(t *testing.T) []source {
	var all []source
	set := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, source{
			path: filepath.ToSlash(rel), text: string(text), ast: file,
			test: strings.HasSuffix(path, "_test.go"), generated: ast.IsGenerated(file),
		})
		return err
	}))
	return all
}
