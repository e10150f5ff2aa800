package data_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/model/tokenizer"
)

// A cached set is the loaded one; whatever changes makes another.
func TestCacheIsNeverStale(t *testing.T) {
	tok := spelled{file: "a"}
	r, err := data.Find("alpaca")
	require.NoError(t, err)
	path, dir := write(t, "a.jsonl", twoRows+`{"instruction": "</s>", "output": "\ufeff"}`), t.TempDir()
	files := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		return len(found)
	}
	get := func(r data.Recipe, o data.Options) *data.Set {
		o.Cache = dir
		s, err := data.LoadFiles(tok, r, []data.File{{Path: path, Weight: 2}}, o)
		require.NoError(t, err)
		o.Cache = ""
		want, err := data.LoadFiles(tok, r, []data.File{{Path: path, Weight: 2}}, o)
		require.NoError(t, err)
		require.Equal(t, want, s)
		return s
	}
	get(r, data.Options{})
	require.Equal(t, 1, files())
	get(r, data.Options{})
	require.Equal(t, 1, files(), "the second time it is there")
	get(r, data.Options{Cutoff: 250})
	get(r, data.Options{TrainOn: "all"})
	get(r, data.Options{Fix: true})
	other := r
	other.Template.NoInput += " "
	get(other, data.Options{})
	require.Equal(t, 5, files())
	tok.file = "b" // as with other merges, which three probes may miss
	get(r, data.Options{})
	require.Equal(t, 6, files())
	require.NoError(t, os.WriteFile(path, []byte(twoRows), 0o644))
	require.Len(t, get(r, data.Options{}).Examples, 4)
	require.Equal(t, 7, files())

	all, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, broken := range all { // every file damaged in another way
		text, err := os.ReadFile(broken)
		require.NoError(t, err)
		text[len(text)/2] ^= 1
		require.NoError(t, os.WriteFile(broken, text[:len(text)-len(text)%3], 0o644))
	}
	require.Len(t, get(r, data.Options{}).Examples, 4)
	other.Render = func(data.Conversation, bool) ([]data.Segment, error) {
		return []data.Segment{{Text: "a"}, {Text: "b", Learn: true}}, nil
	}
	get(other, data.Options{})
	require.Equal(t, 7, files(), "nobody knows what a function renders")
}

// spelled is letters as a tokenizer that tells its pieces.
type spelled struct {
	letters
	file string
}

func (s spelled) Hash() string { return s.file }

func (spelled) Size() int { return 259 }
func (spelled) Piece(id int32) string {
	switch {
	case id == 1:
		return "<s>"
	case id == 2:
		return "</s>"
	case id >= 3 && id < 259:
		return "<0x" + string("0123456789ABCDEF"[(id-3)>>4]) + string("0123456789ABCDEF"[(id-3)&15]) + ">"
	}
	return ""
}
func (spelled) Control(id int32) bool { return id == 1 || id == 2 }

var _ data.Tokenizer = (*tokenizer.Tokenizer)(nil)
