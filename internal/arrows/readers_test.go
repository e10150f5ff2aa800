package arrows

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// opens matches what opens a file for reading. ReadDir and Stat wait for nobody.
var opens = regexp.MustCompile(`\bos\.(Open|ReadFile|DirFS|OpenRoot)\(|\bioutil\.`)

// Whatever a user or a stranger names is opened by internal/readfile, which takes regular files alone and bounds sizes.
func TestFilesAreOpenedByReadfile(t *testing.T) {
	own := []string{
		"internal/readfile/readfile.go",
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
