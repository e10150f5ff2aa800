package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"fettle/internal/checkpoint/gguf"
)

// reread returns the tokenizer that a GGUF file with the keys of tok has.
func reread(t *testing.T, tok *Tokenizer, rows int) (*Tokenizer, gguf.Metadata) {
	keys, err := tok.GGUF(rows, "")
	require.NoError(t, err)
	var file bytes.Buffer
	require.NoError(t, gguf.Encode(&file, keys, nil))
	f, err := gguf.Parse(file.Bytes())
	require.NoError(t, err)
	again, err := parseGGUF(f.Metadata)
	require.NoError(t, err)
	return again, f.Metadata
}

// someTexts returns the texts of testdata/texts.jsonl.
func someTexts(t *testing.T) (texts []string) {
	file, err := os.ReadFile("testdata/texts.jsonl")
	require.NoError(t, err)
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		var text string
		if json.Unmarshal(lines.Bytes(), &text) != nil {
			var object struct{ Text string }
			require.NoError(t, json.Unmarshal(lines.Bytes(), &object))
			text = object.Text
		}
		texts = append(texts, text)
	}
	require.NotEmpty(t, texts)
	return texts
}

func TestKeysOfGGUFHoldTheTokenizer(t *testing.T) {
	for _, path := range []string{"testdata/gpt2.json", "testdata/llama3.json",
		"../../internal/builtin/files/tokenizer.model"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			text = bytes.Replace(text, []byte(`"add_prefix_space": true`), []byte(`"add_prefix_space": false`), 1)
			tok, err := Parse(text)
			require.NoError(t, err)
			again, _ := reread(t, tok, 0)
			for _, text := range someTexts(t) {
				if tok.collapse { // llama.cpp removes no spaces
					text = tok.Decode(tok.Encode(text))
				}
				if strings.Contains(text, "<gap>") {
					continue // a token that removes white space around it
				}
				text = norm.NFC.String(text) // llama.cpp does not normalize
				require.Equal(t, tok.Encode(text), again.Encode(text), "%q", text)
				require.Equal(t, tok.EncodeSpecial(text), again.EncodeSpecial(text), "%q", text)
			}
			before, after := tok.Specials()
			gotBefore, gotAfter := again.Specials()
			require.Equal(t, fmt.Sprint(before, after, tok.BOS(), tok.EOS()),
				fmt.Sprint(gotBefore, gotAfter, again.BOS(), again.EOS()))
			padded, keys := reread(t, tok, tok.Size()+2)
			require.Equal(t, tok.Size()+2, padded.Size())
			tokens, _ := keys.Texts("tokenizer.ggml.tokens")
			require.Equal(t, fmt.Sprintf("[PAD%d]", tok.Size()+1), tokens[tok.Size()+1])
			types := keys["tokenizer.ggml.token_type"].([]int64)
			require.Equal(t, int64(unused), types[tok.Size()+1])
		})
	}
}

func TestKeysOfGGUFSurviveReadingAndWriting(t *testing.T) {
	for name, keys := range map[string]gguf.Metadata{"llama": spmKeys(), "gpt2": bytesKeys()} {
		tok, err := parseGGUF(keys)
		require.NoError(t, err)
		again, got := reread(t, tok, 0)
		for key, want := range keys {
			require.EqualValues(t, want, got[key], "%s %s", name, key)
		}
		for _, text := range someTexts(t) {
			require.Equal(t, tok.EncodeSpecial(text), again.EncodeSpecial(text), "%s %q", name, text)
		}
	}
}

// A tiktoken file has ranks alone: the merges are those that make its tokens.
func TestRanksAreWrittenAsMerges(t *testing.T) {
	var file bytes.Buffer
	for b := range 256 {
		fmt.Fprintf(&file, "%s %d\n", encoded(string([]byte{byte(b)})), b)
	}
	for i, text := range []string{" a", "ab", " ab", "abab", "cab"} {
		fmt.Fprintf(&file, "%s %d\n", encoded(text), 256+i)
	}
	tok, err := Parse(file.Bytes())
	require.NoError(t, err)
	again, keys := reread(t, tok, 0)
	merges, _ := keys.Texts("tokenizer.ggml.merges")
	require.Equal(t, []string{"Ġ a", "a b", "Ġa b", "ab ab", "c ab"}, merges)
	require.Equal(t, "llama-bpe", keys["tokenizer.ggml.pre"])
	for _, text := range append(someTexts(t), "abab cabab ababab") {
		require.Equal(t, tok.EncodeSpecial(text), again.EncodeSpecial(text), "%q", text)
	}
}

func TestTokenizersWithoutKeysAreRefused(t *testing.T) {
	base, err := os.ReadFile("testdata/gpt2.json")
	require.NoError(t, err)
	split := map[string]any{"type": "Split", "pattern": map[string]any{"Regex": "x+"}, "behavior": "Isolated"}
	words := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	for want, change := range map[string][2]any{
		"normalizer Lowercase has no key": {"normalizer", map[string]any{"type": "Lowercase"}},
		"llama.cpp has no name for the expressions": {"pre_tokenizer",
			map[string]any{"type": "Sequence", "pretokenizers": []any{split, words}}},
		"add_prefix_space has no key": {"pre_tokenizer", map[string]any{"type": "ByteLevel", "add_prefix_space": true}},
	} {
		var f map[string]any
		require.NoError(t, json.Unmarshal(base, &f))
		f[change[0].(string)] = change[1]
		text, err := json.Marshal(f)
		require.NoError(t, err)
		tok, err := Parse(text)
		require.NoError(t, err)
		_, err = tok.GGUF(0, "")
		require.ErrorContains(t, err, want)
	}
	tok, err := Parse(base)
	require.NoError(t, err)
	_, err = tok.GGUF(0, "mine")
	require.ErrorContains(t, err, `pre is "mine"`)
	keys, err := tok.GGUF(0, "olmo")
	require.NoError(t, err)
	require.Equal(t, gguf.Key{Name: "tokenizer.ggml.pre", Value: "olmo"}, keys[1])
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
