package tokenizer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint/gguf"
)

// ended returns the keys of a vocabulary with more control tokens behind those of bytesKeys.
func ended(names ...string) gguf.Metadata {
	keys := bytesKeys()
	tokens, types := keys["tokenizer.ggml.tokens"].([]string), keys["tokenizer.ggml.token_type"].([]int64)
	for _, name := range names {
		tokens, types = append(tokens, name), append(types, int64(control))
	}
	return with(with(with(keys, "tokens", tokens), "token_type", types), "eos_token_id", nil)
}

func TestEndsOfAnswersInGGUFAreLlamaCpps(t *testing.T) {
	for reason, c := range map[string]struct {
		keys gguf.Metadata
		want []int32
	}{
		"usual names":       {ended("<turn|>", "[e~[", "<x>"), []int32{0, 9, 10}},
		"the end of a file": {ended("<reponame>", "<|file_sep|>"), []int32{0, 9, 10}},
		"keys": {with(with(ended("<x>", "<y>"), "eot_token_id", uint64(10)), "fim_pad_token_id", uint64(9)),
			[]int32{10, 9, 0}},
		"a key beyond the tokens":  {with(ended(), "eot_token_id", uint64(99)), []int32{0}},
		"parts of o200k_harmony":   {ended("<|return|>", "<|call|>"), []int32{9, 10}},
		"parts of Solar Open":      {ended("<|flush|>", "<|calls|>"), []int32{9, 10}},
		"calls alone are no parts": {ended("<|call|>"), []int32{0, 9}},
	} {
		tok, err := parseGGUF(c.keys)
		require.NoError(t, err, reason)
		require.Equal(t, c.want, tok.Ends(), reason)
	}
}

// A <pad> without a row, as descendants of LLaMA 2 have it, is none.
func TestPaddingBeyondTheVocabularyIsNone(t *testing.T) {
	tok, err := parseGGUF(with(spmKeys(), "padding_token_id", uint64(32000)))
	require.NoError(t, err)
	require.EqualValues(t, -1, tok.pad)
}

// Ends that no program knows by name get keys, as far as there are some.
func TestEndsWithoutUsualNamesAreWritten(t *testing.T) {
	tok, err := parseGGUF(ended("<x>", "<y>", "<z>"))
	require.NoError(t, err)
	keys, err := tok.GGUF(0, "", 0, 9, 10, 9, 11)
	require.NoError(t, err)
	require.Contains(t, keys, gguf.Key{Name: "tokenizer.ggml.eom_token_id", Value: uint32(9)})
	require.Contains(t, keys, gguf.Key{Name: "tokenizer.ggml.eot_token_id", Value: uint32(10)})
	require.Equal(t, []string{`"<z>" ends an answer`}, tok.Unsaid(0, 9, 10, 9, 11))
	require.Empty(t, tok.Unsaid(0, 9, 10))
}

// llama.cpp finds user-defined pieces in text as they are spelled, with ▁, and merges to them by their scores.
func TestUserDefinedPiecesOfGGUFMerge(t *testing.T) {
	keys := spmKeys()
	tokens, types := keys["tokenizer.ggml.tokens"].([]string), keys["tokenizer.ggml.token_type"].([]int64)
	n := int32(len(tokens))
	scores := append(keys["tokenizer.ggml.scores"].([]float64), -400, -1000)
	keys = with(with(keys, "tokens", append(tokens, "▁▁", "▁▁▁▁")), "scores", scores)
	keys = with(with(keys, "token_type", append(types, 4, 4)), "add_space_prefix", false)
	tok, err := parseGGUF(keys)
	require.NoError(t, err)
	want := map[string][]int32{
		"a▁▁▁▁b":  {260, n + 1, 261},
		"    ":    {n + 1},
		"     ab": {n + 1, 263}, // four spaces, and ▁ab, which merges first
		"   b":    {n, 259, 261},
	}
	again, got := reread(t, tok, 0)
	require.Equal(t, append(tokens, "▁▁", "▁▁▁▁"), got["tokenizer.ggml.tokens"])
	files := saved(t, tok)
	for text, ids := range want {
		require.Equal(t, ids, tok.Encode(text), "%q", text)
		require.Equal(t, ids, again.Encode(text), "%q", text)
		require.Equal(t, ids, files.Encode(text), "%q", text)
	}
}

// SentencePiece refuses a vocabulary with a name twice.
func TestPiecesWithoutNamesGetDifferentOnes(t *testing.T) {
	keys := spmKeys()
	tokens, types := keys["tokenizer.ggml.tokens"].([]string), keys["tokenizer.ggml.token_type"].([]int64)
	scores := append(keys["tokenizer.ggml.scores"].([]float64), make([]float64, 11)...)
	keys = with(with(keys, "tokens", append(tokens, make([]string, 11)...)), "scores", scores)
	tok, err := parseGGUF(with(keys, "token_type", append(types, make([]int64, 11)...)))
	require.NoError(t, err)
	var m sentencePiece
	require.NoError(t, m.unmarshal(tok.spm.marshal(tok)))
	seen := map[string]bool{}
	for _, p := range m.pieces {
		require.False(t, seen[p.name], "%q twice", p.name)
		seen[p.name] = true
	}
}
