package tokenizer

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint/gguf"
)

// A tokenizer of a GGUF file or of llama2.c, and one of ranks, is the same from the files of a directory.
func TestFilesHoldTheTokenizer(t *testing.T) {
	ranks := "IQ== 0\n" // every byte must have a rank
	for b := range 256 {
		if b != '!' {
			ranks += encoded(string([]byte{byte(b)})) + " " + strconv.Itoa(b+1) + "\n"
		}
	}
	for name, read := range map[string]func() (*Tokenizer, error){
		"llama":           func() (*Tokenizer, error) { return parseGGUF(spmKeys()) },
		"no prefix":       func() (*Tokenizer, error) { return parseGGUF(with(spmKeys(), "add_space_prefix", false)) },
		"gpt2":            func() (*Tokenizer, error) { return parseGGUF(bytesKeys()) },
		"begins and ends": func() (*Tokenizer, error) { return parseGGUF(surrounded(bytesKeys())) },
		"llama-bpe":       func() (*Tokenizer, error) { return parseGGUF(with(bytesKeys(), "pre", "llama-bpe")) },
		"falcon":          func() (*Tokenizer, error) { return parseGGUF(with(bytesKeys(), "pre", "falcon")) },
		"llama2.c":        func() (*Tokenizer, error) { return Parse(llama2cFile(false, " a", "ab", " ", "a", "b")) },
		"tiktoken":        func() (*Tokenizer, error) { return Parse([]byte(ranks)) },
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := read()
			require.NoError(t, err)
			again := saved(t, tok)
			for _, text := range append(someTexts(t), "ab ab12", "a<t>b", "azb", "  a  b ") {
				require.Equal(t, tok.Encode(text), again.Encode(text), "%q", text)
				require.Equal(t, tok.EncodeSpecial(text), again.EncodeSpecial(text), "%q", text)
				require.Equal(t, tok.Decode(tok.Encode(text)), again.Decode(again.Encode(text)), "%q", text)
			}
			before, after := tok.Specials()
			gotBefore, gotAfter := again.Specials()
			require.ElementsMatch(t, before, gotBefore)
			require.ElementsMatch(t, after, gotAfter)
			require.Equal(t, []int32{tok.BOS(), tok.EOS()}, []int32{again.BOS(), again.EOS()})
		})
	}
}

// saved returns the tokenizer that is read from the files of tok.
func saved(t *testing.T, tok *Tokenizer) *Tokenizer {
	files, err := tok.Files()
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	again, err := Load(dir)
	require.NoError(t, err)
	return again
}

func surrounded(keys gguf.Metadata) gguf.Metadata {
	return with(with(keys, "add_bos_token", true), "add_eos_token", true)
}

// Transformers looks an added token up by its name, white space included, and gives one that it does not find a new id.
func TestAddedTokensWithSpacesKeepTheirNames(t *testing.T) {
	keys := spmKeys()
	names := keys["tokenizer.ggml.tokens"].([]string)
	names[len(names)-1] = "b a"
	tok, err := parseGGUF(keys)
	require.NoError(t, err)
	files, err := tok.Files()
	require.NoError(t, err)
	require.Contains(t, string(files["tokenizer.model"]), "b a")
	again := saved(t, tok)
	for _, text := range []string{"b a", "ab ab", "ab aab", " b a ", "b  a"} {
		require.Equal(t, tok.Encode(text), again.Encode(text), "%q", text)
		require.Equal(t, tok.EncodeSpecial(text), again.EncodeSpecial(text), "%q", text)
		require.Equal(t, tok.Decode(tok.Encode(text)), again.Decode(again.Encode(text)), "%q", text)
	}
}
