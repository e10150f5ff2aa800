package data

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// FuzzCache decodes any bytes, with a correct sum, as a cached set: an error, or a set
// that is equal after encoding and decoding.
func FuzzCache(f *testing.F) {
	encode := func(t testing.TB, s *Set) []byte {
		var text bytes.Buffer
		b := bufio.NewWriter(&text)
		require.NoError(t, encodeCache(b, s))
		require.NoError(t, b.Flush())
		return text.Bytes()
	}
	summed := func(text []byte) []byte {
		sum := sha256.Sum256(text)
		return append(bytes.Clone(text), sum[:]...)
	}
	set := &Set{Rows: 2, Tokens: 5, Lengths: []int32{3, 2}, Examples: []Example{
		{Tokens: []int32{1, 5, 2}, Labels: []int32{Ignore, 5, 2}, Source: "a:1"},
		{Tokens: []int32{1, 7}, Labels: []int32{Ignore, Ignore}, Source: "a:2"},
	}}
	f.Add(encode(f, set)[len(cacheMagic):])
	f.Add([]byte("\xff\xff\xff\xff{}"))
	f.Add([]byte("\x1d\x00\x00\x00{\"Count\":-1,\"SourceBytes\":-5}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		defer budget.Of(t, len(body))()
		s, err := decodeCache(summed(append([]byte(cacheMagic), body...)), "")
		if err != nil {
			return
		}
		again, err := decodeCache(summed(encode(t, s)), "")
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
