package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// The files in testdata are made by make.py, the golden ones by reference.mjs.
func load(t testing.TB, name string) *tokenizer.Tokenizer {
	tok, err := tokenizer.Load(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	return tok
}

func TestJSONEqualsHuggingFace(t *testing.T) {
	for _, name := range []string{"llama3", "gpt2", "llama2", "metaspace"} {
		tok := load(t, name)
		for _, v := range vectors(t, filepath.Join("testdata", name+".golden.jsonl")) {
			require.Equal(t, v.IDs, append([]int32{}, tok.EncodeSpecial(v.Text)...), "%s: %q", name, v.Text)
		}
	}
}

func TestDecodeUndoesEncode(t *testing.T) {
	for _, name := range []string{"llama3", "llama2"} {
		tok := load(t, name)
		for _, v := range vectors(t, filepath.Join("testdata", name+".golden.jsonl")) {
			if strings.Contains(v.Text, "▁") || strings.Contains(v.Text, "<gap>") ||
				name == "llama2" && strings.Contains(v.Text, "hill") {
				continue // what Hugging Face's files themselves do not undo
			}
			ids := tok.Encode(v.Text)
			if name == "llama3" || !strings.Contains(v.Text, "[USER]") {
				require.Equal(t, v.Text, tok.Decode(ids), name)
			}
			s, streamed := tok.NewStream(), ""
			for _, id := range ids {
				part := s.Push(id)
				require.NotContains(t, part, "\ufffd", "half a character: %q", v.Text)
				streamed += part
			}
			require.Equal(t, tok.Decode(ids), streamed+s.Flush())
		}
	}
}

// TestAddedTokens has what each flag does, from Hugging Face's Rust code.
func TestAddedTokens(t *testing.T) {
	tok := load(t, "llama3")
	id := func(name string) int32 {
		id, ok := tok.ID(name)
		require.True(t, ok, name)
		return id
	}
	user, gap, begin := id("[USER]"), id("<gap>"), id("<|begin|>")
	require.Equal(t, []int32{user}, tok.Encode("[USER]"), "not special: text makes it")
	require.Equal(t, []int32{id("[USER][USER]"), user}, tok.Encode("[USER][USER][USER]"), "the longest first")
	require.Equal(t, "[USER]", tok.Decode([]int32{user}))
	require.False(t, tok.Control(user))
	require.Equal(t, []int32{gap, gap}, tok.Encode(" \n<gap>\t<gap> "), "with the white space around")
	require.NotContains(t, tok.Encode("<|begin|>"), begin, "special: text does not make it")
	require.Equal(t, []int32{begin, user}, tok.EncodeSpecial("<|begin|>[USER]"))
	require.Equal(t, begin, tok.BOS(), "from the template")

	// In normalized text the token is "▁hill", as it is normalized too.
	tok = load(t, "llama2")
	require.Contains(t, tok.Encode("the hill"), id("hill"))
	require.NotContains(t, tok.Encode("uphill"), id("hill"))

	text, err := os.ReadFile("testdata/llama3.json")
	require.NoError(t, err)
	tok, err = tokenizer.Parse([]byte(strings.Replace(string(text), `"content": "[USER]", "single_word": false`,
		`"content": "[USER]", "single_word": true`, 1)))
	require.NoError(t, err)
	for text, want := range map[string]bool{
		"[USER]": true, "a [USER].": true, "a[USER]": false, "[USER]1": false, "é[USER]": false, "_[USER]": false,
		"-[USER]-": true,
	} {
		if want {
			require.Contains(t, tok.Encode(text), user, text)
		} else {
			require.NotContains(t, tok.Encode(text), user, text)
		}
	}
}

func TestUnsupportedPartsAreNamed(t *testing.T) {
	text, err := os.ReadFile("testdata/llama2.json")
	require.NoError(t, err)
	for _, c := range []struct {
		path  string
		value any
		want  string
	}{
		{"model/type", "WordPiece", `model type "WordPiece"`},
		{"model/type", "Unigram", `model type "Unigram"`},
		{"normalizer", object{"type": "BertNormalizer"}, `normalizer type "BertNormalizer"`},
		{"normalizer", object{"type": "Sequence", "normalizers": []object{{"type": "Precompiled"}}},
			`normalizer type "Precompiled"`},
		{"pre_tokenizer", object{"type": "UnicodeScripts"}, `pre_tokenizer type "UnicodeScripts"`},
		{"pre_tokenizer", object{"type": "Split", "pattern": object{"Regex": "a"}, "behavior": "Sideways"},
			`behavior "Sideways"`},
		{"pre_tokenizer", object{"type": "Split", "pattern": object{"Regex": "(?<"}, "behavior": "Isolated"},
			`pattern "(?<"`},
		{"pre_tokenizer", object{"type": "Split", "pattern": object{"Regex": "(a+)+$"}, "behavior": "Isolated"},
			"repeats a repetition"},
		{"normalizer", object{"type": "Replace", "pattern": object{"String": "a"}, "content": strings.Repeat("a", 65)},
			"more than 64 times as long"},
		{"decoder", object{"type": "Metaspace", "replacement": "ab"}, "want one character"},
		{"pre_tokenizer", object{"type": "ByteLevel"}, "only one is ByteLevel"},
		{"post_processor", object{"type": "SplitProcessing"}, `post_processor type "SplitProcessing"`},
		{"post_processor", object{"type": "BertProcessing"}, `post_processor token [], want [text, id]`},
		{"decoder", object{"type": "WordPiece"}, `decoder type "WordPiece"`},
		{"decoder", nil, "without a decoder"},
		{"model/dropout", 0.1, "dropout"},
		{"model/end_of_word_suffix", "</w>", "end_of_word_suffix"},
		{"model/merges", []string{"a b c"}, "want two pieces"},
		{"model/merges", []string{"a 中中中"}, "merge 0"},
		{"model/vocab", object{"a": 1 << 30}, "id 1073741824"},
		{"model/vocab", object{"b": 1, "c": 2, "d": 2, "a": 1}, `pieces "a" and "b" have the same id 1`},
		{"added_tokens", []object{{"id": 1 << 30, "content": "x"}}, "far outside"},
	} {
		var file object
		require.NoError(t, json.Unmarshal(text, &file))
		at, name := file, c.path
		if outer, inner, ok := strings.Cut(c.path, "/"); ok {
			at, name = file[outer].(object), inner
		}
		at[name] = c.value
		changed, err := json.Marshal(file)
		require.NoError(t, err)
		_, err = tokenizer.Parse(changed)
		require.ErrorContains(t, err, c.want, c.path)
	}
}

type object = map[string]any

func TestMergesNeverMakeControlTokens(t *testing.T) {
	text := `{"added_tokens": [{"id": 3, "content": "ab", "special": true}, {"id": 4, "content": "c", "special": true}],
		"decoder": {"type": "Fuse"}, "model": {"type": "BPE", "unk_token": "?",
		"vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "c": 4}, "merges": ["a b"]}}`
	tok, err := tokenizer.Parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, []int32{1, 2, 0}, tok.Encode("abc"))
	require.Equal(t, []int32{3, 4}, tok.EncodeSpecial("abc"))
}

func TestIgnoreMerges(t *testing.T) {
	text := `{"decoder": {"type": "Fuse"}, "model": {"type": "BPE", "unk_token": "?",
		"vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "aba": 4},
		"merges": ["a b"], "ignore_merges": false, "fuse_unk": true}}`
	tok, err := tokenizer.Parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, []int32{3, 1}, tok.Encode("aba"), "no merge makes aba")
	require.Equal(t, []int32{3, 0, 1}, tok.Encode("abxya"), "fuse_unk")
	text = strings.Replace(text, `"fuse_unk": true`, `"fuse_unk": false`, 1)
	tok, err = tokenizer.Parse([]byte(strings.Replace(text, `merges": false`, `merges": true`, 1)))
	require.NoError(t, err)
	require.Equal(t, []int32{4}, tok.Encode("aba"))
	require.Equal(t, []int32{3, 0, 0, 1}, tok.Encode("abxya"))
}

// TestOnlyTheBeginningGetsASpace holds that prepend_scheme "first" means the text, not each
// part of it.
func TestOnlyTheBeginningGetsASpace(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(`{"decoder": {"type": "Metaspace"}, "normalizer": {"type": "NFC"},
		"added_tokens": [{"id": 3, "content": "<x>", "normalized": true}],
		"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
			{"type": "Split", "pattern": {"String": "-"}, "behavior": "Removed"},
			{"type": "Metaspace", "prepend_scheme": "first"}]},
		"model": {"type": "BPE", "unk_token": "?", "vocab": {"?": 0, "a": 1, "▁": 2}, "merges": []}}`))
	require.NoError(t, err)
	require.Equal(t, []int32{2, 1, 1}, tok.Encode("a-a"))
	require.Equal(t, []int32{2, 1, 3, 1}, tok.Encode("a<x>a"))
	require.Equal(t, []int32{3, 1}, tok.Encode("<x>a"))
	require.Equal(t, "a a", tok.Decode([]int32{2, 1, 2, 1}))
}

// TestNoTextIsQuadratic takes 64 thousand characters; quadratic time would be
// minutes.
func TestNoTextIsQuadratic(t *testing.T) {
	toks := map[string]*tokenizer.Tokenizer{"llama3": load(t, "llama3"), "llama2": load(t, "llama2")}
	check := func(t *testing.T) { notQuadratic(t, toks) }
	t.Run("small", check)
	t.Run("real", func(t *testing.T) {
		clear(toks)
		for name, path := range files(t, shared(t)) {
			tok, err := tokenizer.Load(path)
			require.NoError(t, err)
			toks[name] = tok
		}
		check(t)
	})
}

func notQuadratic(t *testing.T, toks map[string]*tokenizer.Tokenizer) {
	const n = 64 << 10
	for name, tok := range toks {
		for _, unit := range []string{
			" ", "a", "1", "ab", "é", "中", "<", "<|", "\n", "[USER]", "<|eot_id|>", " \n", "=", "\u0301",
		} {
			text := strings.Repeat(unit, n/len(unit))
			start := time.Now()
			ids := tok.EncodeSpecial(text)
			took := time.Since(start)
			require.NotEmpty(t, ids)
			require.Less(t, took, 10*time.Second, "%s: %q", name, unit)
			if took > 300*time.Millisecond {
				t.Logf("%s: 64 KiB of %q: %v", name, unit, took)
			}
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	_, err := tokenizer.Load(dir)
	require.ErrorContains(t, err, "neither tokenizer.model (SentencePiece's or tiktoken's) nor tokenizer.json in "+dir)

	text, err := os.ReadFile("testdata/llama3.json")
	require.NoError(t, err)
	write("tokenizer.json", string(text))
	write("tokenizer_config.json", `{"bos_token": {"content": "[USER]"}, "eos_token": "<|end|>",
		"added_tokens_decoder": {"600": {"content": "<|new|>", "special": true}}}`)
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, 601, tok.Size())
	require.Equal(t, "<|end|>", tok.Piece(tok.EOS()))
	require.Equal(t, "[USER]", tok.Piece(tok.BOS()))
	require.NotContains(t, tok.Encode("[USER]"), tok.BOS(), "a token named BOS is a control token")
	require.Equal(t, []int32{600}, tok.EncodeSpecial("<|new|>"))

	write("tokenizer.model", ranks(500))
	json, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	require.NoError(t, err)
	tok, err = tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, json.Hash(), tok.Hash(), "tokenizer.json is preferred")

	write("tokenizer.json", `{"model": {"type": "Unigram"}}`)
	tok, err = tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, 758, tok.Size(), "the one that can be read, with the two tokens that are named")
	write("tokenizer.model", "IQ== x")
	_, err = tokenizer.Load(dir)
	require.ErrorContains(t, err, "Unigram")
	require.ErrorContains(t, err, "tokenizer.model")
}
