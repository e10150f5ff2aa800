package tokenizer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model/tokenizer"
)

// small is a tokenizer.model of 1,024 pieces; <s> is 1, </s> 2 and ▁ 1023.
const small = "../../internal/builtin/files/tokenizer.model"

// directory writes a tokenizer directory: a tokenizer file and side files.
func directory(t *testing.T, file string, side map[string]string) string {
	dir := t.TempDir()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	name := "tokenizer.json"
	if filepath.Ext(file) == ".model" {
		name = "tokenizer.model"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	for name, text := range side {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func TestSideFilesDecideWhatSurroundsAText(t *testing.T) {
	const begin, end, noIDs = 376, 377, -1
	for _, c := range []struct {
		name, file, config string
		before, after      []int32
	}{
		{"no settings", small, "", []int32{1}, nil},
		{"add_bos_token is false", small, `{"add_bos_token": false, "bos_token": "<s>"}`, nil, nil},
		{"add_bos_token is null", small, `{"add_bos_token": null, "add_eos_token": true}`, nil, []int32{2}},
		{"both are null", small, `{"add_bos_token": null, "add_eos_token": null, "tokenizer_class": "LlamaTokenizer"}`,
			nil, nil},
		{"add_eos_token is true", small, `{"add_eos_token": true}`, []int32{1}, []int32{2}},
		{"only EOS", small, `{"add_bos_token": false, "add_eos_token": true}`, nil, []int32{2}},
		{"BOS is null", small, `{"bos_token": null}`, nil, nil},
		{"BOS has another name", small, `{"bos_token": "</s>"}`, []int32{2}, nil},
		{"a post-processor without BOS", "testdata/gpt2.json", `{"bos_token": "<|begin|>"}`, nil, nil},
		{"GPT-2's class adds none", "testdata/gpt2.json",
			`{"bos_token": "<|begin|>", "tokenizer_class": "GPT2Tokenizer", "add_bos_token": true}`, nil, nil},
		{"the template decides", "testdata/llama3.json",
			`{"bos_token": "<|begin|>", "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": false}`,
			[]int32{begin}, nil},
		{"LLaMA's class decides over the template", "testdata/llama3.json",
			`{"bos_token": "<|begin|>", "eos_token": "<|end|>", "tokenizer_class": "LlamaTokenizerFast",
				"add_bos_token": false, "add_eos_token": true}`, nil, []int32{end}},
		{"LLaMA's class adds BOS by default", "testdata/gpt2.json",
			`{"bos_token": "<|begin|>", "tokenizer_class": "LlamaTokenizer"}`, []int32{begin}, nil},
		{"but not in files that transformers 5 saved", "testdata/gpt2.json",
			`{"bos_token": "<|begin|>", "tokenizer_class": "LlamaTokenizer", "backend": "tokenizers"}`, nil, nil},
		{"GPT-NeoX's does not", "testdata/llama2.json", `{"tokenizer_class": "GPTNeoXTokenizerFast"}`, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			side := map[string]string{}
			if c.config != "" {
				side["tokenizer_config.json"] = c.config
			}
			tok, err := tokenizer.Load(directory(t, c.file, side))
			require.NoError(t, err)
			before, after := tok.Specials()
			require.Equal(t, c.before, before)
			require.Equal(t, c.after, after)
			require.NotEqual(t, []int32{noIDs}, before)
		})
	}
}

func TestOnlyTextsBeginWithASpaceWithoutLegacy(t *testing.T) {
	const mark = 1023
	for config, want := range map[string][]int32{
		``:                {mark, 2, mark, 2},
		`"legacy": true`:  {mark, 2, mark, 2},
		`"legacy": false`: {mark, 2, 2},
		`"legacy": false, "add_prefix_space": false`: {2, 2},
		`"add_prefix_space": false`:                  {2, 2},
	} {
		tok, err := tokenizer.Load(directory(t, small, map[string]string{"tokenizer_config.json": "{" + config + "}"}))
		require.NoError(t, err)
		ids := tok.EncodeSpecial("9</s>9</s>")
		var got []int32
		for _, id := range ids {
			if id == mark || id == 2 {
				got = append(got, id)
			}
		}
		require.Equal(t, want, got, config)
		require.Equal(t, "99", tok.Decode(tok.Encode("99")), config)
	}
}

func TestWhichSideFileWins(t *testing.T) {
	for _, c := range []struct {
		name   string
		side   map[string]string
		eos    int32
		tokens map[string]int32
	}{
		{"special_tokens_map.json over tokenizer_config.json", map[string]string{
			"tokenizer_config.json":   `{"eos_token": "</s>"}`,
			"special_tokens_map.json": `{"eos_token": "<s>"}`}, 1, nil},
		{"as an object", map[string]string{
			"tokenizer_config.json":   `{"eos_token": "</s>"}`,
			"special_tokens_map.json": `{"eos_token": {"content": "<s>", "lstrip": false}}`}, 1, nil},
		{"but not over added_tokens_decoder", map[string]string{
			"tokenizer_config.json": `{"eos_token": "</s>", "added_tokens_decoder":
				{"1024": {"content": "<|im_end|>", "special": true}}}`,
			"added_tokens.json":       `{"<gone>": 1025}`,
			"special_tokens_map.json": `{"eos_token": "<s>"}`}, 2, map[string]int32{"<|im_end|>": 1024}},
		{"what special_tokens_map.json omits stays", map[string]string{
			"tokenizer_config.json":   `{"eos_token": "<s>"}`,
			"special_tokens_map.json": `{"pad_token": "<unk>"}`}, 1, nil},
		{"an id from added_tokens.json", map[string]string{
			"added_tokens.json":       `{"<|im_end|>": 1030, "<|im_start|>": 1029}`,
			"special_tokens_map.json": `{"eos_token": "<|im_end|>"}`}, 1030, map[string]int32{"<|im_start|>": 1029}},
		{"a new id for a token that none has", map[string]string{
			"special_tokens_map.json": `{"eos_token": "<end>", "additional_special_tokens": ["<b>", {"content": "<a>"}]}`,
			"tokenizer_config.json":   `{"additional_special_tokens": ["<a>"]}`},
			1024, map[string]int32{"<a>": 1025, "<b>": 1026}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := tokenizer.Load(directory(t, small, c.side))
			require.NoError(t, err)
			require.Equal(t, c.eos, tok.EOS())
			for text, id := range c.tokens {
				require.Equal(t, []int32{id}, tok.EncodeSpecial(text))
				require.NotContains(t, tok.Encode(text), id, "a control token")
			}
			_, gone := tok.ID("<gone>")
			require.False(t, gone)
		})
	}
}

// As in transformers, a token of added_tokens.json that nothing names as special is text that becomes one token.
func TestAddedWordsAreText(t *testing.T) {
	tok, err := tokenizer.Load(directory(t, small, map[string]string{
		"added_tokens.json":       `{"sheepfold": 1024, "<|im_start|>": 1025, "[PAD]": 1026}`,
		"special_tokens_map.json": `{"pad_token": "[PAD]"}`,
	}))
	require.NoError(t, err)
	require.Contains(t, tok.Encode("the sheepfold"), int32(1024))
	require.NotContains(t, tok.Encode("<|im_start|>[PAD]"), int32(1025), "spelled as control tokens are")
	require.NotContains(t, tok.Encode("<|im_start|>[PAD]"), int32(1026), "named")

	// Vicuna's added_tokens.json repeats the vocabulary's control tokens.
	tok, err = tokenizer.Load(directory(t, small, map[string]string{
		"added_tokens.json": `{"</s>": 2, "<s>": 1, "<unk>": 0}`}))
	require.NoError(t, err)
	require.NotContains(t, tok.Encode("a</s><s>"), int32(2))
	require.Equal(t, int32(2), tok.EncodeSpecial("a</s>")[len(tok.EncodeSpecial("a</s>"))-1])

	// And others repeat those of tokenizer.json, whose flags stand.
	tok, err = tokenizer.Load(directory(t, "testdata/llama2.json", map[string]string{
		"added_tokens.json": `{"<|begin|>": 432, "<gap>": 435}`}))
	require.NoError(t, err)
	plain, err := tokenizer.Load("testdata/llama2.json")
	require.NoError(t, err)
	for _, text := range []string{"a <gap> b", "a<|begin|>b"} {
		require.Equal(t, plain.EncodeSpecial(text), tok.EncodeSpecial(text))
	}

	for _, extra := range []string{`["hill"]`, `{"image_token": "hill"}`} {
		tok, err := tokenizer.Load(directory(t, "testdata/llama3.json", map[string]string{
			"tokenizer_config.json": `{"extra_special_tokens": ` + extra + `, "backend": "tokenizers"}`}))
		require.NoError(t, err)
		id, ok := tok.ID("hill")
		require.True(t, ok)
		require.NotContains(t, tok.Encode("the hill"), id)
		require.Contains(t, tok.EncodeSpecial("the hill"), id)
	}
}

func TestTokenizerJSONIsPreferred(t *testing.T) {
	dir := directory(t, "testdata/metaspace.json", map[string]string{
		"tokenizer_config.json": `{"tokenizer_class": "LlamaTokenizer", "legacy": true}`})
	model, err := os.ReadFile(small)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.model"), model, 0o644))
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, 438, tok.Size(), "whatever legacy is")
	config := filepath.Join(dir, "tokenizer_config.json")
	require.NoError(t, os.WriteFile(config, []byte(`{"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false}`),
		0o644))
	tok, err = tokenizer.Load(dir)
	require.NoError(t, err)
	require.Equal(t, 1024, tok.Size(), "LLaMA's class reads tokenizer.model again to apply add_prefix_space")
	require.NoError(t, os.Remove(filepath.Join(dir, "tokenizer.model")))
	tok, err = tokenizer.Load(dir)
	require.NoError(t, err)
	require.NotEqual(t, "▁the", tok.Piece(tok.Encode("the")[0]), "and without it tokenizer.json takes it")
}

// SmolLM2's vocabulary lacks 21 bytes: they give no tokens, and the bytes around them meet.
func TestBytesWithoutAPieceAreLeftOut(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(`{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
		"decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`))
	require.NoError(t, err)
	require.Equal(t, []int32{2, 0}, tok.Encode("axbca"))
	require.Empty(t, tok.Encode("xyz"))
	require.Equal(t, []string{"x", "c"}, tok.Lost("axbca"))
	require.Empty(t, tok.Lost("abba"))
	require.Empty(t, load(t, "llama3").Lost("é中\x00"))
}

func TestTokensWithoutARowAreNamed(t *testing.T) {
	tok, err := tokenizer.Load(directory(t, small, map[string]string{"added_tokens.json": `{"<pad>": 1024}`}))
	require.NoError(t, err)
	require.NoError(t, tok.Fits(1024), "added tokens need no rows")
	require.ErrorContains(t, tok.Fits(1000), "it has 1024 tokens, the model only 1000")
	require.NoError(t, tok.Within(tok.Encode("the sheep"), 1024))
	require.ErrorContains(t, tok.Within(tok.Encode("the <pad>"), 1024), `token 1024, "<pad>", has no row`)
}

// The control tokens of LLaMA's older files are found in normalized text, which has other offsets.
func TestNamesInNormalizedTextFollowThePermission(t *testing.T) {
	file, err := os.ReadFile("testdata/llama2.json")
	require.NoError(t, err)
	late := strings.ReplaceAll(string(file), `"content": "<|begin|>", "single_word": false, "lstrip": false, `+
		`"rstrip": false, "normalized": false`, `"content": "<|begin|>", "normalized": true`)
	require.NotEqual(t, string(file), late)
	tok, err := tokenizer.Parse([]byte(late))
	require.NoError(t, err)
	begin, ok := tok.ID("<|begin|>")
	require.True(t, ok)
	text := "<|begin|>the <|begin|> hill <|begin|>"
	for typed, want := range map[int]int{-1: 3, 0: 2, 13: 2, 28: 2} {
		var ids []int32
		tok.Parts(text, true, func(from, _ int) bool { return from != typed }, func(_, _ int, part []int32) {
			ids = append(ids, part...)
		})
		n := 0
		for _, id := range ids {
			if id == begin {
				n++
			}
		}
		require.Equal(t, want, n, "all but the name at %d", typed)
	}

	// Normalizing may spell a name that the text does not.
	tok, err = tokenizer.Parse([]byte(strings.Replace(late, `"normalizers": [`, `"normalizers": [{"type": "NFKC"}, `, 1)))
	require.NoError(t, err)
	require.Contains(t, tok.EncodeSpecial("＜|begin|>"), begin)
	require.NotContains(t, tok.Encode("＜|begin|>"), begin)
}

// Names of control tokens become them only where the caller permits it, and the flags of tokens act across parts.
func TestPartsFollowThePermission(t *testing.T) {
	for _, file := range []string{"testdata/llama3.json", "testdata/metaspace.json", "testdata/llama2.json"} {
		tok, err := tokenizer.Load(file)
		require.NoError(t, err)
		begin, ok := tok.ID("<|begin|>")
		require.True(t, ok)
		text := "<|begin|>a<|begin|>b"
		var at []int
		tok.Parts(text, true, func(from, to int) bool { return from == 10 && to == 19 }, func(from, to int, ids []int32) {
			if len(ids) == 1 && ids[0] == begin {
				at = append(at, from, to)
			}
		})
		require.Equal(t, []int{10, 19}, at, file)
	}
	tok := load(t, "metaspace")
	var ids []int32
	none := func(int, int) bool { return false }
	tok.Parts("the", false, none, func(_, _ int, part []int32) { ids = append(ids, part...) })
	require.NotEqual(t, "▁the", tok.Piece(ids[0]), "text behind a control token does not begin a text")
}
