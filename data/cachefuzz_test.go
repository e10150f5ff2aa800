package data

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCache reads any bytes, under a sum that vouches for them, as a cached set:
// an error, or a set that is written as it was read.
func FuzzCache(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a")
	set := &Set{Rows: 2, Tokens: 5, Lengths: []int32{3, 2}, Examples: []Example{
		{Tokens: []int32{1, 5, 2}, Labels: []int32{Ignore, 5, 2}, Source: "a:1"}, {Tokens: []int32{1, 7}, Labels: []int32{Ignore, Ignore}, Source: "a:2"},
	}}
	require.NoError(f, writeCache(path, set))
	text, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(text[len(cacheMagic) : len(text)-sha256.Size])
	f.Add([]byte("\xff\xff\xff\xff{}"))
	f.Add([]byte("\x1d\x00\x00\x00{\"Count\":-1,\"SourceBytes\":-5}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		path := filepath.Join(t.TempDir(), "a")
		text := append([]byte(cacheMagic), body...)
		sum := sha256.Sum256(text)
		require.NoError(t, os.WriteFile(path, append(text, sum[:]...), 0o644))
		s, err := readCache(path)
		if err != nil {
			return
		}
		require.NoError(t, writeCache(path, s))
		again, err := readCache(path)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
