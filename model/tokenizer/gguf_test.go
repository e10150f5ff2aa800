package tokenizer

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint/gguf"
)

// spmKeys returns the keys of a small SentencePiece vocabulary.
func spmKeys() gguf.Metadata {
	tokens := []string{"<unk>", "<s>", "</s>"}
	types := []int64{2, 3, 3}
	for b := range 256 {
		tokens, types = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(types, 6)
	}
	for _, name := range []string{"▁", "a", "b", "ab", "▁ab", "<t>"} {
		tokens, types = append(tokens, name), append(types, 1)
	}
	types[len(types)-1] = 4
	scores := make([]float64, len(tokens))
	for i := range scores {
		scores[i] = -float64(i + 1)
	}
	return gguf.Metadata{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
		"tokenizer.ggml.scores": scores,
	}
}

// bytesKeys returns the keys of a small byte-level vocabulary, which lacks the byte z.
func bytesKeys() gguf.Metadata {
	tokens := []string{"<|end|>", "a", "b", "Ġ", "1", "2", "ab", "Ġab", "<c>"}
	return gguf.Metadata{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": tokens,
		"tokenizer.ggml.token_type": []int64{3, 1, 1, 1, 1, 1, 1, 1, 4}, "tokenizer.ggml.merges": []string{"a b", "Ġ ab"},
		"tokenizer.ggml.bos_token_id": uint64(0), "tokenizer.ggml.eos_token_id": uint64(0),
	}
}

// with returns keys with another value for one, or with nil without it.
func with(keys gguf.Metadata, key string, value any) gguf.Metadata {
	keys = maps.Clone(keys)
	if key = "tokenizer.ggml." + key; value == nil {
		delete(keys, key)
	} else {
		keys[key] = value
	}
	return keys
}

func TestPiecesOfGGUFMergeByScoreAndFallBackToBytes(t *testing.T) {
	tok, err := parseGGUF(spmKeys())
	require.NoError(t, err)
	require.Equal(t, []int32{263}, tok.Encode("ab"))
	require.Equal(t, []int32{263, 263, 3 + 0xc3, 3 + 0xa4}, tok.Encode("ab abä"))
	require.Equal(t, []int32{259, 260, 264, 263}, tok.Encode("a<t>ab"), "a space after an added token too")
	require.Equal(t, "ab abä", tok.Decode(tok.Encode("ab abä")))
	before, after := tok.Specials()
	require.Equal(t, []int32{1}, before)
	require.Empty(t, after)
	require.Equal(t, []int32{2, 2}, tok.Ends())
	require.Equal(t, []int32{2}, tok.EncodeSpecial("</s>"))
	require.NotContains(t, tok.Encode("</s>"), int32(2))
	tok, err = parseGGUF(with(with(spmKeys(), "add_space_prefix", false), "add_bos_token", false))
	require.NoError(t, err)
	require.Equal(t, []int32{262}, tok.Encode("ab"))
	before, _ = tok.Specials()
	require.Empty(t, before)
}

func TestWordsOfGGUFAreDividedAsPreSays(t *testing.T) {
	keys := bytesKeys()
	tok, err := parseGGUF(keys)
	require.NoError(t, err)
	require.Equal(t, []int32{6, 7, 4, 5, 8}, tok.Encode("ab ab12<c>"))
	require.Equal(t, []int32{6}, tok.Encode("azb"), "the byte z is lost, and its neighbours merge")
	require.Equal(t, []string{"z"}, tok.Lost("azb"))
	require.Equal(t, []int32{3, 4}, tok.Encode(" 1"))
	before, _ := tok.Specials()
	require.Empty(t, before, "smollm begins texts without BOS")
	tok, err = parseGGUF(with(keys, "add_bos_token", true))
	require.NoError(t, err)
	before, _ = tok.Specials()
	require.Equal(t, []int32{0}, before)
	for _, l := range layouts() {
		for _, name := range l.names {
			tok, err := parseGGUF(with(keys, "pre", name))
			require.NoError(t, err, name)
			require.Equal(t, []int32{6}, tok.Encode("ab"), name)
			before, _ := tok.Specials()
			require.Equal(t, l.bos, len(before) == 1, name)
		}
	}
	_, err = parseGGUF(with(keys, "pre", nil))
	require.NoError(t, err, "a file without pre")
}

// Every token whose name ends answers is a control token, whatever its type says, as in llama.cpp.
func TestUsersCannotTypeWhatEndsAnAnswer(t *testing.T) {
	keys := with(bytesKeys(), "eos_token_id", nil)
	for _, kind := range []int64{1, 3, 4, 5} {
		tok, err := parseGGUF(with(keys, "token_type", []int64{kind, 1, 1, 1, 1, 1, 1, 1, 4}))
		require.NoError(t, err)
		require.NotContains(t, tok.Encode("ab<|end|>"), int32(0))
		require.Equal(t, []int32{6, 0}, tok.EncodeSpecial("ab<|end|>"))
		require.Equal(t, []int32{0}, tok.Ends())
	}
}

func TestInvalidBytesAreOneReplacementEach(t *testing.T) {
	tok, err := parseGGUF(spmKeys())
	require.NoError(t, err)
	require.Equal(t, tok.Encode("a\ufffd\ufffdb"), tok.Encode("a\xff\xffb"))
	require.NotEqual(t, tok.Encode("a\ufffdb"), tok.Encode("a\xff\xffb"))
}

// The characters of bytes that are begun and not completed are one U+FFFD each, however the tokens arrive.
func TestCutCharactersAreOneReplacement(t *testing.T) {
	var tokens []string
	alphabet := newByteAlphabet()
	for b := range 256 {
		tokens = append(tokens, alphabet.spell(string([]byte{byte(b)})))
	}
	keys := with(with(with(bytesKeys(), "tokens", tokens), "token_type", nil), "merges", []string{})
	tok, err := parseGGUF(keys)
	require.NoError(t, err)
	for bytes, want := range map[string]string{
		"\xe2\x82": "\ufffd", "\xe2\x82a": "\ufffda", "\xf0\x9f\xa6": "\ufffd", "\xf0\x9f\xa6\xf0": "\ufffd\ufffd",
		"\x80\x80": "\ufffd\ufffd", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "\xe2\x82\xac": "€", "\xc0\xafb": "\ufffd\ufffdb",
	} {
		var ids []int32
		for _, b := range []byte(bytes) {
			ids = append(ids, int32(b))
		}
		require.Equal(t, want, tok.Decode(ids), "% x", bytes)
	}
}

func TestBrokenVocabulariesOfGGUFAreRefusedByTheirKey(t *testing.T) {
	spm, words := spmKeys(), bytesKeys()
	n := len(spm["tokenizer.ggml.tokens"].([]string))
	for _, c := range []struct {
		keys gguf.Metadata
		want string
	}{
		{gguf.Metadata{}, "the file has no tokenizer: tokenizer.ggml.model is missing"},
		{with(spm, "model", "bert"), `tokenizer.ggml.model is "bert", want llama`},
		{with(spm, "model", "t5"), `"t5"`},
		{with(spm, "model", "rwkv"), `"rwkv"`},
		{with(spm, "model", "plamo2"), `"plamo2"`},
		{with(spm, "tokens", nil), "tokenizer.ggml.tokens is missing"},
		{with(spm, "tokens", []string{}), "tokenizer.ggml.tokens is missing, empty"},
		{with(spm, "tokens", []int64{1}), "tokenizer.ggml.tokens is missing, empty or no list of texts"},
		{with(spm, "scores", nil), "tokenizer.ggml.scores is missing"},
		{with(spm, "scores", []float64{1}), fmt.Sprintf("tokenizer.ggml.scores is no list of %d numbers", n)},
		{with(spm, "scores", nans(n)), "tokenizer.ggml.scores: the score of token 0"},
		{with(spm, "token_type", []int64{1}), "tokenizer.ggml.token_type is no list of"},
		{with(words, "token_type", []int64{3, 1, 1, 1, 1, 1, 1, 9, 4}), "tokenizer.ggml.token_type: token 7"},
		{with(words, "token_type", []int64{3, 1, 1, 1, 1, 1, 1, 1, 6}), ""},
		{with(spm, "bos_token_id", uint64(n)), fmt.Sprintf("tokenizer.ggml.bos_token_id is %d, want a token below", n)},
		{with(spm, "eos_token_id", "x"), "tokenizer.ggml.eos_token_id is x, want a token"},
		{with(spm, "eot_token_id", int64(-7)), "tokenizer.ggml.eot_token_id is -7"},
		{with(spm, "padding_token_id", uint64(math.MaxUint32)), ""},
		{with(spm, "add_bos_token", uint64(1)), "tokenizer.ggml.add_bos_token is 1, want true or false"},
		{with(words, "pre", "mine"), `tokenizer.ggml.pre is "mine", want one of `},
		{with(words, "merges", nil), "tokenizer.ggml.merges is missing"},
		{with(words, "merges", []string{"ab"}), `tokenizer.ggml.merges: merge 0: "ab", want two pieces`},
		{with(words, "merges", []string{"a b", "a x"}), `tokenizer.ggml.merges: merge 1, "a" and "x"`},
		{with(words, "merges", []string{"b a"}), `tokenizer.ggml.merges: merge 0, "b" and "a": the vocabulary lacks`},
		{with(words, "tokens", []string{"<|end|>", "a", "b", "a", "1", "2", "ab", "Ġab", "<c>"}),
			`tokenizer.ggml.tokens: the piece "a" occurs twice, the second time as token 3`},
		{with(with(spm, "tokens", []string{"a", "a"}), "scores", []float64{0, 0}), "no list of 2"},
	} {
		_, err := parseGGUF(c.keys)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
	twice := with(with(with(spm, "token_type", nil), "tokens", []string{"<unk>", "a", "a"}), "scores", []float64{0, 0, 0})
	_, err := parseGGUF(twice)
	require.ErrorContains(t, err, `tokenizer.ggml.tokens: the piece "a" occurs twice`)
}

func nans(n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = math.NaN()
	}
	return list
}

// A vocabulary without types has the usual ones by the names of its tokens.
func TestTypesOfGGUFMayBeMissing(t *testing.T) {
	want, err := parseGGUF(spmKeys())
	require.NoError(t, err)
	tok, err := parseGGUF(with(spmKeys(), "token_type", nil))
	require.NoError(t, err)
	for _, text := range []string{"ab ab", "ä", "</s>", ""} {
		require.Equal(t, want.EncodeSpecial(text), tok.EncodeSpecial(text))
	}
	words, err := parseGGUF(with(bytesKeys(), "token_type", nil))
	require.NoError(t, err)
	require.Equal(t, []int32{6, 7}, words.Encode("ab ab"))
}

// The hash is that of the tokenizer, not of the file.
func TestHashOfGGUFIsThatOfItsTokenizer(t *testing.T) {
	a, err := parseGGUF(bytesKeys())
	require.NoError(t, err)
	keys := bytesKeys()
	keys["general.name"] = "another"
	b, err := parseGGUF(keys)
	require.NoError(t, err)
	require.Equal(t, a.Hash(), b.Hash())
	b, err = parseGGUF(with(keys, "merges", []string{"Ġ a", "a b"}[1:]))
	require.NoError(t, err)
	require.NotEqual(t, a.Hash(), b.Hash())
}

// A million tokens and merges take seconds at most, and texts of one kind of character no longer than others.
func TestVocabulariesOfAMillionTokensLoadInLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("a million tokens")
	}
	tokens, merges := []string{}, []string{}
	for a := 'a'; a <= 'z'; a++ {
		tokens = append(tokens, string(a))
	}
	for i := 0; len(tokens) < 1_000_000; i++ {
		tokens = append(tokens, tokens[i/26]+tokens[i%26])
		merges = append(merges, tokens[i/26]+" "+tokens[i%26])
	}
	keys := with(with(with(bytesKeys(), "tokens", tokens), "merges", merges), "token_type", nil)
	tok, err := parseGGUF(keys)
	require.NoError(t, err)
	require.Equal(t, 1_000_000, tok.Size())
	require.NotEmpty(t, tok.Encode(strings.Repeat("zebra", 1000)))
}

func FuzzGGUF(f *testing.F) {
	f.Add("a\nb\nab\n<|end|>", "a b", "smollm", "gpt2", uint64(0), "ab ba")
	f.Add("<unk>\n<s>\n</s>\na\nab", "", "", "llama", uint64(2), "ab")
	f.Fuzz(func(t *testing.T, tokens, merges, pre, model string, id uint64, text string) {
		list := strings.Split(tokens, "\n")
		types, scores := make([]int64, len(list)), make([]float64, len(list))
		for i, name := range list {
			types[i], scores[i] = int64(len(name)%6+1), float64(len(name)%3)
		}
		tok, err := parseGGUF(gguf.Metadata{
			"tokenizer.ggml.model": model, "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": list,
			"tokenizer.ggml.token_type": types, "tokenizer.ggml.scores": scores, "tokenizer.ggml.bos_token_id": id,
			"tokenizer.ggml.merges": strings.Split(merges, "\n"),
		})
		if err != nil {
			return
		}
		for _, id := range tok.Encode(text) {
			require.False(t, tok.Control(id))
		}
		tok.Decode(tok.EncodeSpecial(text))
	})
}
