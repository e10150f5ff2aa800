package lineedit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistoryRemembersMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "history")
	h := readHistory(path)
	require.Zero(t, h.Len())
	huge := strings.Repeat("x", longestMessage+1)
	for _, message := range []string{"first", "of two\nlines", "  ", huge, "last"} {
		_, err := h.Write(message)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"first", "of two\nlines", huge, "last"}, h.Dump())
	again := readHistory(path)
	require.Equal(t, []string{"first", "of two\nlines", "last"}, again.Dump())
	last, err := again.GetLine(2)
	require.NoError(t, err)
	require.Equal(t, "last", last)
	for _, i := range []int{-1, 3} {
		_, err := again.GetLine(i)
		require.Error(t, err)
	}
	if info, err := os.Stat(path); runtime.GOOS != "windows" {
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestHistoryStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var b strings.Builder
	for i := range 2*mostMessages + 1 {
		fmt.Fprintf(&b, "%q\n", fmt.Sprint("message ", i))
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	h := readHistory(path)
	require.Equal(t, mostMessages, h.Len())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, mostMessages, strings.Count(string(text), "\n"))
	last, _ := h.GetLine(mostMessages - 1)
	require.Equal(t, fmt.Sprint("message ", 2*mostMessages), last)
}

func TestBrokenHistoriesAreNone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history")
	require.NoError(t, os.WriteFile(path, []byte("\"a\"\nnonsense\n\x00\"\n[1]\n\"b\"\n\"cut of"), 0o600))
	require.Equal(t, []string{"a", "b"}, readHistory(path).Dump())
	for _, path := range []string{"", dir, filepath.Join(path, "below a file")} {
		h := readHistory(path)
		_, err := h.Write("kept for now")
		require.NoError(t, err, path)
		require.Equal(t, 1, h.Len(), path)
	}
}
