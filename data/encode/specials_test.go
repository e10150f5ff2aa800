package encode_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/model/tokenizer"
)

// configured loads one of model/tokenizer's small tokenizers with a tokenizer_config.json.
func configured(t *testing.T, file, config string) *tokenizer.Tokenizer {
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	require.NoError(t, err)
	name := "tokenizer.json"
	if strings.HasSuffix(file, ".model") {
		name = "tokenizer.model"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(config), 0o644))
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	return tok
}

const (
	byteLevel     = "model/tokenizer/testdata/gpt2.json"
	metaspace     = "model/tokenizer/testdata/metaspace.json"
	sentencePiece = "internal/builtin/files/tokenizer.model"
)

// Yi sets add_bos_token to false, and GPT-2's class adds no BOS though it has one, as in SmolLM2.
func TestNoRecipeAddsABOSThatTheTokenizerDoesNotAdd(t *testing.T) {
	for _, tok := range []*tokenizer.Tokenizer{
		configured(t, sentencePiece, `{"add_bos_token": false}`),
		configured(t, byteLevel, `{"bos_token": "<|begin|>", "eos_token": "<|end|>", "tokenizer_class": "GPT2Tokenizer"}`),
	} {
		datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
			e, err := datatest.Encode(tok, r, datatest.Talk("Name a color.", "Blue."), 512)
			require.NoError(t, err)
			require.NotEqual(t, tok.BOS(), e.Tokens[0])
			require.NotEqual(t, tok.EOS(), e.Tokens[0])
			prompt, err := encode.New(tok, r).Prompt(recipe.Instruction("Name a color.", ""))
			require.NoError(t, err)
			require.False(t, tok.Control(prompt[0]))
		})
	}
}

// tokenizer(text) appends EOS with add_eos_token, also to a text that spells one, and no cut removes it. A prompt gets
// none, nor does a sequence whose system ends it by itself.
func TestTextsEndAsTheTokenizerEndsThem(t *testing.T) {
	tok := configured(t, sentencePiece, `{"add_eos_token": true}`)
	end := tok.EOS()
	talk := datatest.Talk("Name a color.", "Blue.")
	for name, want := range map[string]int{"alpaca": 2, "vicuna": 2, "alpaca-lora": 1, "baize": 1, "koala": 2} {
		r, err := recipe.Find(name)
		require.NoError(t, err)
		e, err := datatest.Encode(tok, r, talk, 512)
		require.NoError(t, err)
		n := 0
		for n < len(e.Tokens) && e.Tokens[len(e.Tokens)-1-n] == end {
			require.Equal(t, end, e.Labels[len(e.Labels)-1-n], "%s: learned", name)
			n++
		}
		require.Equal(t, want, n, name)
		prompt, err := encode.New(tok, r).Prompt(recipe.Instruction("Name a color.", ""))
		require.NoError(t, err)
		require.NotEqual(t, end, prompt[len(prompt)-1], name)
	}
	alpaca, err := recipe.Find("alpaca")
	require.NoError(t, err)
	whole, err := datatest.Encode(tok, alpaca, talk, 512)
	require.NoError(t, err)
	cut, err := datatest.Encode(tok, alpaca, talk, 20)
	require.NoError(t, err)
	require.Equal(t, append(append([]int32{}, whole.Tokens[:19]...), end), cut.Tokens)
	text := recipe.Conversation{Segments: []recipe.Segment{{Text: "Blue.", Learn: true, End: true}}}
	e, err := datatest.Encode(tok, alpaca, text, 512)
	require.NoError(t, err)
	require.Equal(t, append(append([]int32{1}, tok.Encode("Blue.")...), end), e.Tokens, "a text ends once")
}

// Text behind a control token has a leading space only where the tokenizer puts one, in chats and in recipes.
func TestTextBehindAControlTokenIsAsInTheWholeText(t *testing.T) {
	names := `, "additional_special_tokens": ["<|begin|>", "<|end|>"]}`
	for name, tok := range map[string]*tokenizer.Tokenizer{
		"first":      configured(t, metaspace, `{}`),
		"always":     configured(t, "model/tokenizer/testdata/llama2.json", `{}`),
		"bytes":      configured(t, "model/tokenizer/testdata/llama3.json", `{}`),
		"legacy":     configured(t, sentencePiece, `{"legacy": true`+names),
		"not legacy": configured(t, sentencePiece, `{"legacy": false`+names),
		"stripping": configured(t, sentencePiece, `{"legacy": false, "additional_special_tokens":
			["<|begin|>", {"content": "<|end|>", "lstrip": true, "rstrip": true}]}`),
	} {
		chat := []recipe.Segment{
			{Text: "<|begin|>user\n", Markup: true}, {Text: " the hill \n"},
			{Text: "<|end|>\n<|begin|>assistant\n", Markup: true},
			{Text: "home", Learn: true}, {Text: "<|end|>", Learn: true, Markup: true}, {Text: "\n", Markup: true},
		}
		whole := ""
		for _, s := range chat {
			whole += s.Text
		}
		e, err := datatest.Encode(tok, recipe.Recipe{BOS: recipe.NoToken}, recipe.Conversation{Segments: chat}, 512)
		require.NoError(t, err)
		require.Equal(t, tok.EncodeSpecial(whole), e.Tokens, name)
		var learned []int32
		for i, l := range e.Labels {
			if l != encode.Ignore {
				learned = append(learned, e.Tokens[i])
			}
		}
		require.Equal(t, "home", strings.TrimSpace(tok.Decode(learned)), name)
		end, _ := tok.ID("<|end|>")
		require.Equal(t, end, learned[len(learned)-1], name)

		// The same text by the user makes no control token.
		spelled := []recipe.Segment{{Text: "<|begin|>", Markup: true}, {Text: "a<|end|>b"}, {Text: "<|end|>", Markup: true}}
		e, err = datatest.Encode(tok, recipe.Recipe{BOS: recipe.NoToken}, recipe.Conversation{Segments: spelled}, 512)
		require.NoError(t, err)
		n := 0
		for _, id := range e.Tokens {
			if id == end {
				n++
			}
		}
		require.Equal(t, 1, n, name)
	}
	vicuna, err := recipe.Find("vicuna")
	require.NoError(t, err)
	for config, space := range map[string]bool{`{"legacy": true}`: true, `{"legacy": false}`: false} {
		tok := configured(t, sentencePiece, config)
		e, err := datatest.Encode(tok, vicuna, datatest.Talk("a", "b", "c", "d"), 512)
		require.NoError(t, err)
		for i, id := range e.Tokens[:len(e.Tokens)-1] {
			if id == tok.EOS() {
				require.Equal(t, space, strings.HasPrefix(tok.Piece(e.Tokens[i+1]), "▁"), config)
			}
		}
	}
}
