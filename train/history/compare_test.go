//go:build unix

package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/train/journal"
	"fettle/train/report"
)

func TestComparedRunsDifferWhereTheyDo(t *testing.T) {
	dir := t.TempDir()
	trained(t, filepath.Join(dir, "a"), 0, false)
	b := copied(t, filepath.Join(dir, "a"), dir, "b")
	text, err := os.ReadFile(filepath.Join(b, settingsFile))
	require.NoError(t, err)
	write(t, strings.Replace(string(text), "learning_rate: 0.05", "learning_rate: 0.1\nseed: 7", 1), b, settingsFile)
	require.NoError(t, journal.Append(b, journal.Entry{Event: journal.Continued, Step: 6,
		Program: &journal.Program{Version: "0.1.0", Commit: "0123456789abcdef", Go: "go1.27", SHA256: "feedfeedfeedfeed"},
		Machine: &journal.Machine{Host: "there", System: "linux/amd64", Processor: "Q", Threads: 2, Compute: "cpu f32"},
		Hashes:  &journal.Hashes{Training: "otherdata-1"}}))
	var all []*Detail
	for _, path := range []string{filepath.Join(dir, "a"), b} {
		d, err := Open(path, false)
		require.NoError(t, err)
		all = append(all, d)
	}
	c := Compare(all)
	require.Equal(t, []string{"a", "b"}, c.Names)
	require.Equal(t, []report.Row{{Name: "learning_rate", Values: []string{"0.05", "0.1"}},
		{Name: "seed", Values: []string{"", "7"}}}, c.Settings)
	require.Equal(t, 4, c.Equal, "output_dir does not count")
	require.Equal(t, []report.Row{
		{Name: "training data", Values: []string{"trainingdata", "otherdata-1"}},
		{Name: "built with", Values: []string{"go1.26", "go1.26, then go1.27"}},
		{Name: "host", Values: []string{"here", "here, then there"}},
		{Name: "processor", Values: []string{"P", "P, then Q"}},
	}, c.Origin)
	require.Equal(t, []string{"base", "evaluation data", "template", "program", "arithmetic", "threads"}, c.Same)
	require.Equal(t, report.Row{Name: "steps", Values: []string{"6/6", "6/6"}}, c.Results[1])

	page, err := c.HTML()
	require.NoError(t, err)
	for _, want := range []string{"<title>a and b · fettle</title>", "step 6\na 3.", "learning_rate", "Held-out loss"} {
		require.True(t, strings.Contains(string(page), want), want)
	}
	for _, no := range []string{"http://", "https://", "ZgotmplZ", "NaN"} {
		text := strings.ReplaceAll(string(page), "http://www.w3.org/2000/svg", "") // a name, not an address
		require.False(t, strings.Contains(text, no), no)
	}
	c.Names = []string{"<b>", "a"}
	page, err = c.HTML()
	require.NoError(t, err)
	require.False(t, strings.Contains(string(page), "<b>"))
}
