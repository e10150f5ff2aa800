package data_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/data/source"
)

// bare is a tokenizer that puts nothing around a text.
type bare struct{ datatest.Spelled }

func (bare) Specials() (before, after []int32) { return nil, nil }

// As with another add_bos_token in tokenizer_config.json.
func TestCacheKnowsWhatSurroundsAText(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path, cache := datatest.Write(t, "a.jsonl", datatest.TwoRows), t.TempDir()
	with, err := datatest.Load(datatest.Spelled{File: "a"}, r, path, data.Options{Cache: cache})
	require.NoError(t, err)
	without, err := datatest.Load(bare{datatest.Spelled{File: "a"}}, r, path, data.Options{Cache: cache})
	require.NoError(t, err)
	require.Equal(t, with.Examples[0].Tokens[1:], without.Examples[0].Tokens)
}

// A cached set equals the loaded one; any change of the input makes another.
func TestCacheIsNeverStale(t *testing.T) {
	tok := datatest.Spelled{File: "a"}
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path, dir := datatest.Write(t, "a.jsonl", datatest.TwoRows+`{"instruction": "</s>", "output": "\ufeff"}`),
		t.TempDir()
	files := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		return len(found)
	}
	get := func(r recipe.Recipe, o data.Options) *data.Set {
		o.Cache = dir
		s, err := data.Load(tok, r, []source.File{{Path: path, Weight: 2}}, o)
		require.NoError(t, err)
		o.Cache = ""
		want, err := data.Load(tok, r, []source.File{{Path: path, Weight: 2}}, o)
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
	tok.File = "b" // as with other merges, which three probes may miss
	get(r, data.Options{})
	require.Equal(t, 6, files())
	require.NoError(t, os.WriteFile(path, []byte(datatest.TwoRows), 0o644))
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
	other.Render = func(recipe.Conversation, bool) ([]recipe.Segment, error) {
		return []recipe.Segment{{Text: "a"}, {Text: "b", Learn: true}}, nil
	}
	get(other, data.Options{})
	require.Equal(t, 7, files(), "a function without a key is not cached")
}

func TestCleanedSetsHaveACacheOfTheirOwn(t *testing.T) {
	r, err := recipe.Find("vicuna")
	require.NoError(t, err)
	path, dir := datatest.Write(t, "a.jsonl", `{"conversations": [{"from": "human", "value": "a question"}, `+
		`{"from": "gpt", "value": "<p>An <b>answer</b>.</p>"}]}`), t.TempDir()
	for range 2 { // the second time from the cache
		for clean, want := range map[bool]string{false: "<p>An <b>answer</b>.</p>", true: "An **answer**."} {
			s, err := datatest.Load(datatest.Spelled{}, r, path, data.Options{Clean: clean, Cache: dir})
			require.NoError(t, err)
			require.Contains(t, datatest.Marked(s.Examples[0]), "⟦ "+want+"¶⟧")
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, found, 2)
}

// Each byte of a cached set is covered by its checksum: a damaged one is made anew, never used.
func TestADamagedCacheIsNeverUsed(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path, dir := datatest.Write(t, "a.jsonl", `{"instruction": "a", "output": "b"}`), t.TempDir()
	want, err := datatest.Load(datatest.Spelled{}, r, path, data.Options{Cache: dir})
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	sound, err := os.ReadFile(found[0])
	require.NoError(t, err)
	for at := 0; at < len(sound); at += 7 {
		damaged := append([]byte{}, sound...)
		damaged[at] ^= 1
		require.NoError(t, os.WriteFile(found[0], damaged, 0o644))
		s, err := datatest.Load(datatest.Spelled{}, r, path, data.Options{Cache: dir})
		require.NoError(t, err)
		require.Equal(t, want, s, "byte %d", at)
		again, err := os.ReadFile(found[0])
		require.NoError(t, err)
		require.Equal(t, sound, again, "byte %d", at)
	}
}

func TestCacheKnowsContentsAndWeightsOfFiles(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path, dir := datatest.Write(t, "a.jsonl", `{"instruction": "a", "output": "b"}`), t.TempDir()
	get := func(f source.File) *data.Set {
		s, err := data.Load(datatest.Spelled{}, r, []source.File{f}, data.Options{Cache: dir})
		require.NoError(t, err)
		want, err := data.Load(datatest.Spelled{}, r, []source.File{f}, data.Options{})
		require.NoError(t, err)
		require.Equal(t, want, s)
		return s
	}
	require.Len(t, get(source.File{Path: path, Weight: 1}).Examples, 1)
	require.Len(t, get(source.File{Path: path, Weight: 3}).Examples, 3)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(`{"instruction": "a", "output": "c"}`), 0o644))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()), "of the same size and time")
	require.Contains(t, datatest.Marked(get(source.File{Path: path, Weight: 1}).Examples[0]), "c¶⟧")
}

// folded encodes as with another normalizer, renamed has other texts for its plain tokens.
type (
	folded  struct{ datatest.Spelled }
	renamed struct{ datatest.Spelled }
	special struct{ datatest.Spelled }
)

// EncodeSpecial makes other tokens where text may hold control tokens, and there alone.
func (s special) EncodeSpecial(text string) []int32 { return append(s.Spelled.EncodeSpecial(text), 1) }

func (f folded) Encode(text string) []int32 { return f.Spelled.Encode(strings.ToLower(text)) }
func (f folded) EncodeSpecial(text string) []int32 {
	return f.Spelled.EncodeSpecial(strings.ToLower(text))
}
func (r renamed) Piece(id int32) string {
	if r.Control(id) {
		return r.Spelled.Piece(id)
	}
	return "-" + r.Spelled.Piece(id)
}

// The files beside a tokenizer's own can change what it does; so can another build of the program.
func TestCacheKnowsTokenizersAndProgramsByWhatTheyDo(t *testing.T) {
	r, err := recipe.Find("alpaca")
	require.NoError(t, err)
	path, dir := datatest.Write(t, "a.jsonl", `{"instruction": "a", "output": "b"}`), t.TempDir()
	load := func(tok encode.Tokenizer) int {
		_, err := datatest.Load(tok, r, path, data.Options{Cache: dir})
		require.NoError(t, err)
		found, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		return len(found)
	}
	plain := datatest.Spelled{File: "a"}
	require.Equal(t, 1, load(plain))
	require.Equal(t, 2, load(folded{plain}), "another normalizer")
	require.Equal(t, 3, load(renamed{plain}), "other texts")
	require.Equal(t, 4, load(special{plain}), "other control tokens")
	require.Equal(t, 4, load(plain))
	program, err := os.Executable()
	require.NoError(t, err)
	info, err := os.Stat(program)
	require.NoError(t, err)
	if os.Chtimes(program, info.ModTime(), info.ModTime().Add(-time.Second)) != nil {
		t.Skip("the test's own file cannot be touched")
	}
	defer os.Chtimes(program, info.ModTime(), info.ModTime())
	require.Equal(t, 5, load(plain), "another build")
}
