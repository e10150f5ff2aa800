package data_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
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
