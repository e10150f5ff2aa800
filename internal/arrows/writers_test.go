package arrows

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writes matches what makes, fills or renames a file by itself.
var writes = regexp.MustCompile(`\bos\.(WriteFile|Create|CreateTemp|OpenFile|Rename|Mkdir|MkdirAll)\(`)

// globs matches patterns that a directory's name can be taken for a part of.
var globs = regexp.MustCompile(`\bfilepath\.Glob\(`)

// What is written goes through internal/atomicfile: whole or not at all, and synced, with the name of a new directory.
func TestFilesAreWrittenByAtomicfile(t *testing.T) {
	own := []string{
		"internal/atomicfile/",
		"train/lock.go", "train/journal/journal.go", "train/report/log.go", // a lock; files that are appended to
		"cmd/fettle/batch.go",              // answers, appended and synced
		"internal/lineedit/history.go",     // what was typed: losing a line loses nothing
		"internal/builtin/builtin.go",      // copies of embedded files, compared before they are used
		"model/convert/convert.go",         // a whole directory, renamed
		"data/arena_unix.go",               // memory
		"internal/powerloss/",              // a disk for tests
		"internal/tinymodel/",              // models for tests
		"data/internal/datatest/",          // for tests
		"internal/compute/cpu/kernel/gen/", // run by go generate alone
		"internal/builtin/make/",           // run by go generate alone
		"internal/bom/main.go",             // run by go generate alone
		".ci/",
	}
	found := 0
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		require.False(t, globs.MatchString(f.text), "%s: filepath.Glob takes [ and * in a directory's name for a pattern: "+
			"use readfile.Matches", f.path)
		if !writes.MatchString(f.text) {
			continue
		}
		found++
		require.True(t, slices.ContainsFunc(own, func(name string) bool { return strings.HasPrefix(f.path, name) }),
			"%s writes a file by itself: use internal/atomicfile", f.path)
	}
	require.Greater(t, found, 8, "the expression matches nothing any more")
}
