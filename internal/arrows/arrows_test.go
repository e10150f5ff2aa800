// Package arrows checks that the code follows docs/ARCHITECTURE.md and CONTRIBUTING.md: the table of permitted imports,
// the size of files and lines, names that stand in one package, and an example for each public package.
package arrows

import (
	"bytes"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// permitted returns the table of arrows: for each package the packages of this module that it may import.
func permitted(t *testing.T) map[string][]string {
	text, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	require.NoError(t, err)
	_, table, found := bytes.Cut(text, []byte("| package | purpose | may import |"))
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
		room := strings.Trim(cells[1], " `")
		require.NotContains(t, rooms, room, "docs/ARCHITECTURE.md lists %s twice", room)
		rooms[room] = may
	}
	require.NotEmpty(t, rooms)
	return rooms
}

func TestRoomsImportOnlyWhatTheTableSays(t *testing.T) {
	rooms := permitted(t)
	used := map[string][]string{}
	for _, f := range sources(t) {
		room := path.Dir(f.path)
		if f.test || path.Base(room) == "gen" { // generators stand outside the program
			continue
		}
		may, ok := rooms[room]
		require.True(t, ok, "%s: the table of arrows has no row for this room", f.path)
		used[room] = append(used[room], "all")
		for _, name := range imports(f.ast) {
			if inner, ours := strings.CutPrefix(name, "fettle/"); ours {
				require.True(t, slices.Contains(may, inner) || slices.Contains(may, "all"), "%s imports %s", f.path, inner)
				used[room] = append(used[room], inner)
			}
			if strings.HasPrefix(name, "gorgonia.org/") {
				require.Equal(t, "adapter", room, "%s imports %s", f.path, name)
			}
			if strings.HasSuffix(name, "/zerolog") {
				require.Contains(t, []string{"train", "train/report", "model/serve", "cmd/fettle"}, room, "%s logs", f.path)
			}
		}
	}
	for room, may := range rooms {
		require.Contains(t, used, room, "the table of arrows has a room that does not exist")
		require.Subset(t, used[room], may, "the table of arrows permits %s more than it imports", room)
	}
}

func imports(file *ast.File) []string {
	var names []string
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		names = append(names, name)
	}
	return names
}
