// Package arrows holds the house to its plan: the table of permitted imports
// in docs/ARCHITECTURE.md, and a few rules of CONTRIBUTING.md.
package arrows

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// permitted reads the table: room, what it is, and the rooms it may import.
func permitted(t *testing.T) map[string][]string {
	text, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	require.NoError(t, err)
	_, table, found := bytes.Cut(text, []byte("| room | is | may import |"))
	require.True(t, found, "docs/ARCHITECTURE.md has no table of arrows")
	rooms := map[string][]string{}
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 5 {
			if len(rooms) > 0 && strings.TrimSpace(line) == "" {
				break
			}
			continue
		}
		if strings.Contains(cells[1], "---") {
			continue
		}
		var may []string
		for _, name := range strings.Split(cells[3], ",") {
			if name = strings.Trim(name, " `"); name != "" && name != "–" {
				may = append(may, name)
			}
		}
		rooms[strings.Trim(cells[1], " `")] = may
	}
	require.NotEmpty(t, rooms)
	return rooms
}

// sources parses every Go file of the module that is not a test.
func sources(t *testing.T, visit func(path string, file *ast.File)) {
	set := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			if err == nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == "gen") {
				return filepath.SkipDir
			}
			return err
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		rel, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(rel), file)
		return err
	}))
}

func TestRoomsImportOnlyWhatTheTableSays(t *testing.T) {
	rooms := permitted(t)
	seen := map[string]bool{}
	sources(t, func(path string, file *ast.File) {
		room := filepath.ToSlash(filepath.Dir(path))
		may, ok := rooms[room]
		require.True(t, ok, "%s: the table of arrows does not know this room", path)
		seen[room] = true
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if inner, ours := strings.CutPrefix(name, "fettle/"); ours {
				require.True(t, slices.Contains(may, inner) || slices.Contains(may, "all"), "%s imports %s", path, inner)
			}
			if strings.HasPrefix(name, "gorgonia.org/") {
				require.Equal(t, "adapter", room, "%s imports %s", path, name)
			}
			if strings.HasSuffix(name, "/zerolog") {
				require.Contains(t, []string{"train", "model/serve", "cmd/fettle"}, room, "%s logs", path)
			}
		}
	})
	for room := range rooms {
		require.True(t, seen[room], "the table of arrows has a room %s that does not exist", room)
	}
}

func TestFilesAreOneIdea(t *testing.T) {
	sources(t, func(path string, file *ast.File) {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		if !bytes.HasPrefix(text, []byte("// Code generated")) {
			require.LessOrEqual(t, bytes.Count(text, []byte("\n")), 400, "%s is two ideas", path)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				require.NotEqual(t, "init", f.Name.Name, "%s has an init", path)
			}
		}
	})
}
