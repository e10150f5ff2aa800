package encode_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/model/tokenizer"
)

// tokenizers returns the real ones of the reference material.
func tokenizers(t *testing.T) map[string]*tokenizer.Tokenizer {
	out := map[string]*tokenizer.Tokenizer{}
	for _, name := range []string{"tokenizers/llama12/tokenizer.model", "tokenizers/open_llama/tokenizer.model",
		"weights/stories260K/tok512.model", "tokenizers/llama3/tokenizer.model"} {
		tok, err := tokenizer.Load(filepath.Join(datatest.Shared(t), "data", name))
		require.NoError(t, err)
		out[name] = tok
	}
	return out
}

// plain is a tokenizer that is no Speller.
type plain struct{ encode.Tokenizer }

// ends reports whether a recipe ends answers with the control token.
func ends(r recipe.Recipe) bool { return !strings.HasPrefix(r.Name, "vicuna-v0") }

// A template with BOS and a tokenizer call that adds BOS would give two.
func TestT1OneBeginningOnly(t *testing.T) {
	for name, tok := range tokenizers(t) {
		datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
			e, err := datatest.Encode(tok, r, datatest.Talk("Say <s> twice: <s>", "Fine."), 512)
			require.NoError(t, err)
			begin := tok.BOS()
			if r.BOS == recipe.EOSToken {
				begin = tok.EOS()
			}
			require.Equal(t, begin, e.Tokens[0], name)
			require.NotEqual(t, begin, e.Tokens[1], name)
		})
	}
}

// A mask by "id == pad" would mask the end wherever pad = end.
func TestT2TheEndIsLearned(t *testing.T) {
	tok := datatest.LLaMA(t)
	datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
		e, err := datatest.Encode(tok, r, datatest.Talk("Name a color.", "Blue."), 512)
		require.NoError(t, err)
		last := len(e.Tokens) - 1
		require.Equal(t, ends(r), e.Labels[last] == tok.EOS())
		e, err = datatest.Encode(tok, r, datatest.Talk("Name a color.", "Blue."), last)
		require.NoError(t, err)
		if r.Name != "koala" && r.Name != "gpt4all" { // koala has two ends, gpt4all cuts the prompt too
			require.NotEqual(t, tok.EOS(), e.Labels[len(e.Labels)-1], "a cut answer does not end")
		}
	})
}

// LLaMA-Adapter's own code ignores label 0, Baize's pads with it.
func TestT3NoTokenIsTakenForPadding(t *testing.T) {
	path := datatest.Write(t, "a.jsonl", `{"input_ids": [1, 5, 0, 2, 0, 2], "labels": [-100, 5, 0, 2, 0, 2]}`)
	s, err := datatest.LoadAlpaca(path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, []int32{5, 0, 2, 0, 2}, datatest.Learned(s.Examples[0]))
	require.Equal(t, 5, s.Learned)
}

func TestT4LearnedTokensAreTheAnswers(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("koala")
	require.NoError(t, err)
	want := 1
	c := datatest.Talk("One?", "The first answer.", "Two?", "Another one, longer.", "Three?", "")
	for i := 1; i < len(c.Turns); i += 2 {
		want += len(tok.Encode(c.Turns[i].Text)) + 1
	}
	e, err := datatest.Encode(tok, r, c, 2048)
	require.NoError(t, err)
	require.Equal(t, want, e.Learned())
}

// samples are texts whose edges tokenizers fuse or change.
var samples = []string{"Blue.", " leading", "\nline", "-5", "5", ")", "://x", "\t", "é", "😀 ok", "中文", "{\"a\": 1}",
	"  two", "a\r\nb", "", "`x`", "%", "'tis", "trailing "}

// tok(prompt)+tok(answer) ≠ tok(prompt+answer): the mask begins at the first
// token that starts in the answer, whether tokens are spelled or counted.
func TestT5MasksBeginWhereAnswersDo(t *testing.T) {
	for name, tok := range tokenizers(t) {
		datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
			for _, text := range samples {
				c := datatest.Talk("Question?", text, "And?", text)
				if r.Dialogue == nil {
					c = datatest.Talk("Question?", text)
				}
				e, err := datatest.Encode(tok, r, c, 2048)
				require.NoError(t, err)
				counted, err := datatest.Encode(plain{tok}, r, c, 2048)
				require.NoError(t, err)
				require.Equal(t, counted, e, "%s %q", name, text)
				if r.Name != "llama-adapter" || !strings.Contains(name, "llama12") {
					continue
				}
				masked := slices.IndexFunc(e.Labels, func(l int32) bool { return l != data.Ignore })
				prompt := r.Template.Prompt("Question?", "")
				require.GreaterOrEqual(t, len(tok.Decode(e.Tokens[:masked])), len(prompt), "the whole prompt is masked")
				require.Less(t, len(tok.Decode(e.Tokens[:masked-1])), len(prompt), "and no token more")
			}
		})
	}
	tok := datatest.LLaMA(t)
	require.NotEqual(t, tok.Encode("### Response:-5"), append(tok.Encode("### Response:"), tok.Encode("-5")...),
		"the case that breaks a naive version")
}

// Over real answers, spans and counts agree.
func TestT5SpansEqualCounts(t *testing.T) {
	tok, rng := datatest.LLaMA(t), rand.New(rand.NewPCG(1, 2))
	alphabet := []rune(" \n:-=/.,'\"()[]{}<>#$%@`~^&*+_|\\abcTHE0159é中😀\t")
	datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
		for range 60 {
			text := func() string {
				var b strings.Builder
				for range rng.IntN(12) {
					b.WriteRune(alphabet[rng.IntN(len(alphabet))])
				}
				return b.String()
			}
			c := datatest.Talk(text(), text())
			if r.Dialogue != nil {
				c = datatest.Talk(text(), text(), text(), text())
			}
			e, err := datatest.Encode(tok, r, c, 2048)
			require.NoError(t, err)
			counted, err := datatest.Encode(plain{tok}, r, c, 2048)
			require.NoError(t, err)
			require.Equal(t, counted.Tokens, e.Tokens)
			require.Equal(t, counted.Labels, e.Labels, "%q", c.Turns)
		}
	})
}

func TestT6TemplatesDifferByALineBreak(t *testing.T) {
	tok := datatest.LLaMA(t)
	alpaca, err := recipe.Find("alpaca")
	require.NoError(t, err)
	lora, err := recipe.Find("alpaca-lora")
	require.NoError(t, err)
	a, err := encode.New(tok, alpaca).Prompt(recipe.Instruction("Name a color.", ""))
	require.NoError(t, err)
	b, err := encode.New(tok, lora).Prompt(recipe.Instruction("Name a color.", ""))
	require.NoError(t, err)
	require.Equal(t, append(slices.Clone(a), 13), b)
}

func TestT7NoInputIsNoInputHoweverWritten(t *testing.T) {
	var hashes []string
	for _, row := range []string{
		`{"instruction": "a", "input": "", "output": "b"}`, `{"instruction": "a", "output": "b"}`,
		`{"instruction": "a", "input": null, "output": "b"}`,
	} {
		s, err := datatest.LoadAlpaca(datatest.Write(t, "a.jsonl", row), data.Options{})
		require.NoError(t, err)
		hashes = append(hashes, s.Hash)
	}
	require.Equal(t, hashes[0], hashes[1])
	require.Equal(t, hashes[0], hashes[2])
	path := datatest.Write(t, "a.jsonl", `{"instruction": "a", "input": " ", "output": "b"}`)
	s, err := datatest.LoadAlpaca(path, data.Options{})
	require.NoError(t, err)
	require.NotEqual(t, hashes[0], s.Hash, "a space is an input")
}

// The prompt of every turn is the training text before its answer.
func TestT8PromptsArePrefixesOfTraining(t *testing.T) {
	tok := datatest.LLaMA(t)
	datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
		c := datatest.Talk("Add the numbers 2 and 3.", "Five", "And 4?", "Nine")
		if r.Dialogue == nil {
			c.Turns = c.Turns[:2]
		}
		e, err := datatest.Encode(tok, r, c, 2048)
		require.NoError(t, err)
		for n := 1; n < len(c.Turns); n += 2 {
			asked := c
			asked.Turns = c.Turns[:n]
			prompt, err := encode.New(tok, r).Prompt(asked)
			require.NoError(t, err)
			require.Equal(t, prompt, e.Tokens[:len(prompt)])
		}
	})
}

// The frame that inference supplies is not learned: "ASSISTANT:", "GPT:".
func TestT9TheFirstLearnedTokenIsTheAnswers(t *testing.T) {
	tok := datatest.LLaMA(t)
	datatest.EachRecipe(t, func(t *testing.T, r recipe.Recipe) {
		c := datatest.Talk("Say it.", "Fine")
		e, err := datatest.Encode(tok, r, c, 2048)
		require.NoError(t, err)
		if !r.LearnPrompt && ends(r) {
			first := strings.TrimSpace(tok.Decode(datatest.Learned(e)[:1]))
			require.NotEmpty(t, first)
			require.True(t, strings.HasPrefix("Fine", first), first)
		}
	})
}
