package tokenizer_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// variant is a line of docs/peers/tokenizer_variants.py: a tokenizer directory, and what transformers makes of texts.
type variant struct {
	Base          string
	JSON, Files   map[string]any
	Texts         [][2]any
	Before, After []int32
	BOS, EOS      *int32
	Class         string
}

// TestVariantsEqualTransformers compares tokenizer directories of many kinds with transformers: prepend schemes and
// legacy, classes, post-processors, flags of added tokens, and side files that contradict each other. More than those
// in testdata (60 5 9) are at FETTLE_VARIANTS.
func TestVariantsEqualTransformers(t *testing.T) {
	path := os.Getenv("FETTLE_VARIANTS")
	if path == "" {
		path = filepath.Join("testdata", "variants.jsonl")
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	texts := 0
	for n := 1; lines.Scan(); n++ {
		var v variant
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		t.Run(fmt.Sprint(n), func(t *testing.T) { texts += v.check(t) })
	}
	require.NoError(t, lines.Err())
	require.NotZero(t, texts)
	t.Logf("%d texts", texts)
}

// check returns the number of texts.
func (v variant) check(t *testing.T) int {
	tok, err := tokenizer.Load(v.write(t))
	require.NoError(t, err)
	id := func(p *int32) int32 {
		if p == nil {
			return -1
		}
		return *p
	}
	about := fmt.Sprintf("%s %s %v", v.Class, v.Base, v.Files)
	before, after := tok.Specials()
	require.Equal(t, v.Before, append([]int32{}, before...), "before a text: %s", about)
	require.Equal(t, v.After, append([]int32{}, after...), "after a text: %s", about)
	if v.BOS != nil && slices.Contains(v.Before, *v.BOS) {
		require.Equal(t, id(v.BOS), tok.BOS(), "BOS: %s", about)
	}
	if v.EOS != nil {
		require.Equal(t, id(v.EOS), tok.EOS(), "EOS: %s", about)
	}
	for _, c := range v.Texts {
		want := []int32{}
		for _, id := range c[1].([]any) {
			want = append(want, int32(id.(float64)))
		}
		text := c[0].(string)
		require.Equal(t, want, append([]int32{}, tok.EncodeSpecial(text)...), "%q in %s, %v", text, about, v.JSON)
	}
	return len(v.Texts)
}

// write writes the directory of a variant.
func (v variant) write(t *testing.T) string {
	dir := t.TempDir()
	put := func(name string, value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	base, err := os.ReadFile(v.Base)
	require.NoError(t, err)
	if filepath.Ext(v.Base) == ".model" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.model"), base, 0o644))
	} else {
		var file map[string]any
		require.NoError(t, json.Unmarshal(base, &file))
		for key, part := range v.JSON {
			file[key] = part
		}
		put("tokenizer.json", file)
	}
	for name, file := range v.Files {
		put(name, file)
	}
	return dir
}
