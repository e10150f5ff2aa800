package arrows

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// owners maps a name to the only room that may have it as a string literal: elsewhere a constant or a table of that
// room stands for it. Tests are exempt, and so are the published settings of recipes, which are data in a configuration
// file's terms.
var owners = map[string]string{
	"lora": "adapter", "llama-adapter": "adapter", "full": "adapter",
	"int8": "internal/compute", "nf4": "internal/compute",
}

func TestNamesAreLiteralsInOneRoom(t *testing.T) {
	for _, f := range sources(t) {
		room := path.Dir(f.path)
		if f.test || room == "data/recipe" {
			continue
		}
		for _, text := range literals(t, f.ast) {
			if owner, ok := owners[text]; ok {
				require.Equal(t, owner, room, "%s has the literal %q", f.path, text)
			}
		}
	}
}

// literals returns the string literals of a file.
func literals(t *testing.T, file *ast.File) []string {
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			text, err := strconv.Unquote(l.Value)
			require.NoError(t, err)
			all = append(all, text)
		}
		return true
	})
	return all
}
