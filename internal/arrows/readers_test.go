package arrows

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/readfile"
)

// opens matches what opens a file for reading. ReadDir and Stat wait for nobody.
var opens = regexp.MustCompile(`\bos\.(Open|ReadFile|DirFS|OpenRoot)\(|\bioutil\.`)

// Whatever a user or a stranger names is opened by internal/readfile, which takes regular files alone and bounds sizes.
func TestFilesAreOpenedByReadfile(t *testing.T) {
	own := []string{
		"internal/readfile/readfile.go",
		"internal/readfile/matches.go",     // os.DirFS, to list names
		"internal/atomicfile/disk.go",      // directories, to sync them
		"internal/builtin/builtin.go",      // its own files, of its own sizes, in a directory of its own
		"internal/machine/",                // files of /proc and of control groups
		"cmd/fettle/version.go",            // the program's own file
		"internal/powerloss/",              // a disk for tests
		"data/internal/datatest/",          // for tests
		"internal/compute/cpu/kernel/gen/", // run by go generate alone
		"model/tokenizer/find.go",          // os.DirFS, to list names
		"internal/builtin/make/",           // run by go generate alone
	}
	found := 0
	for _, f := range sources(t) {
		if f.test || !opens.MatchString(f.text) {
			continue
		}
		found++
		require.True(t, slices.ContainsFunc(own, func(name string) bool { return strings.HasPrefix(f.path, name) }),
			"%s opens a file by itself: use internal/readfile", f.path)
	}
	require.Greater(t, found, 4, "the expression matches nothing any more")
}

// fetches matches what asks another machine for something.
var fetches = regexp.MustCompile(
	`\bhttp\.(Get|Head|Post|PostForm|Client|DefaultClient|Transport)\b|\bnet\.(Dial|Lookup)`)

func TestNothingIsLoadedStartedOrFetched(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.path, "internal/bom/") { // which CI runs
			continue
		}
		forbidden := []string{"C", "plugin", "os/exec", "net/rpc"}
		if strings.HasPrefix(f.path, "internal/bench/peers/") { // which starts the programs that a user compares
			forbidden = []string{"C", "plugin", "net/rpc"}
		}
		for _, name := range imports(f.ast) {
			require.NotContains(t, forbidden, name, f.path)
			if name == "fettle/internal/bench/peers" {
				require.Equal(t, "cmd/fettle/benchpeers.go", f.path)
			}
		}
		require.NotRegexp(t, fetches, f.text, f.path)
	}
}

// The table of bounds names constants that exist, and the sizes of internal/readfile as they are.
func TestTheTableOfBoundsIsThatOfTheCode(t *testing.T) {
	text, err := os.ReadFile("../../docs/SECURITY.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| input | bound | where |\n")
	require.True(t, found)
	all := sources(t)
	sizes := map[string]string{
		"Settings": size(readfile.Settings), "Index": size(readfile.Index), "Tokenizer": size(readfile.Tokenizer),
		"Text": size(readfile.Text), "Log": size(readfile.Log), "Set": size(readfile.Set),
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			break
		}
		quoted := regexp.MustCompile("`[^`]+`").FindAllString(cells[3], -1)
		if len(quoted) == 0 {
			continue
		}
		rows++
		room := strings.Trim(quoted[0], "`")
		require.Greater(t, len(quoted), 1, line)
		for _, name := range quoted[1:] {
			name = strings.Trim(name, "`")
			declared := regexp.MustCompile(`(?m)^(const |\t)` + name + ` += `)
			require.True(t, slices.ContainsFunc(all, func(f source) bool {
				return path.Dir(f.path) == room && declared.MatchString(f.text)
			}), "%s has no constant %s", room, name)
			if room == "internal/readfile" {
				require.Equal(t, sizes[name], strings.TrimSpace(cells[2]), name)
			}
		}
	}
	require.Greater(t, rows, 15)
}

// size formats a bound.
func size(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// What docs/RELIABILITY.md and docs/SECURITY.md promise has the tests that they name.
func TestPromisesNameTestsThatExist(t *testing.T) {
	all := sources(t)
	for _, document := range []string{"RELIABILITY", "SECURITY"} {
		text, err := os.ReadFile("../../docs/" + document + ".md")
		require.NoError(t, err)
		names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
		require.Greater(t, len(names), 20)
		for _, name := range names {
			declared := "func " + name[1] + "("
			require.True(t, slices.ContainsFunc(all, func(f source) bool { return strings.Contains(f.text, declared) }),
				"%s.md: there is no %s", document, name[1])
		}
	}
}
