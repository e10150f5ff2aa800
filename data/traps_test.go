package data_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/model/tokenizer"
)

// tokenizers are the real ones at hand.
func tokenizers(t *testing.T) map[string]*tokenizer.Tokenizer {
	out := map[string]*tokenizer.Tokenizer{}
	for _, name := range []string{"tokenizers/llama12/tokenizer.model", "tokenizers/open_llama/tokenizer.model", "weights/stories260K/tok512.model", "tokenizers/llama3/tokenizer.model"} {
		tok, err := tokenizer.Load(filepath.Join(shared(t), "data", name))
		require.NoError(t, err)
		out[name] = tok
	}
	return out
}

// plain hides how a tokenizer spells its tokens.
type plain struct{ data.Tokenizer }

// everyRecipe calls f for each.
func everyRecipe(t *testing.T, f func(t *testing.T, r data.Recipe)) {
	for _, r := range data.Recipes() {
		t.Run(r.Name, func(t *testing.T) { f(t, r) })
	}
}

// ends reports whether a recipe ends answers with the control token.
func ends(r data.Recipe) bool { return !strings.HasPrefix(r.Name, "vicuna-v0") }

// learned are the tokens that are learned.
func learned(e data.Example) []int32 {
	var out []int32
	for i, l := range e.Labels {
		if i > 0 && l != data.Ignore {
			out = append(out, e.Tokens[i])
		}
	}
	return out
}

// An answer, and a naive tokenizer call that adds BOS, would give two.
func TestT1OneBeginningOnly(t *testing.T) {
	for name, tok := range tokenizers(t) {
		everyRecipe(t, func(t *testing.T, r data.Recipe) {
			e, err := r.Encode(tok, talk("Say <s> twice: <s>", "Fine."), 512)
			require.NoError(t, err)
			begin := tok.BOS()
			if r.BOS == data.EOSToken {
				begin = tok.EOS()
			}
			require.Equal(t, begin, e.Tokens[0], name)
			require.NotEqual(t, begin, e.Tokens[1], name)
		})
	}
}

// A mask by "id == pad" would take the end from learning wherever pad = end.
func TestT2TheEndIsLearned(t *testing.T) {
	tok := llama(t)
	everyRecipe(t, func(t *testing.T, r data.Recipe) {
		e, err := r.Encode(tok, talk("Name a color.", "Blue."), 512)
		require.NoError(t, err)
		last := len(e.Tokens) - 1
		require.Equal(t, ends(r), e.Labels[last] == tok.EOS())
		e, err = r.Encode(tok, talk("Name a color.", "Blue."), last)
		require.NoError(t, err)
		if r.Name != "koala" && r.Name != "gpt4all" { // koala has two ends, gpt4all cuts the prompt too
			require.NotEqual(t, tok.EOS(), e.Labels[len(e.Labels)-1], "a cut answer does not end")
		}
	})
}

// LLaMA-Adapter's own code ignores label 0, Baize's pads with it.
func TestT3NoTokenIsTakenForPadding(t *testing.T) {
	path := write(t, "a.jsonl", `{"input_ids": [1, 5, 0, 2, 0, 2], "labels": [-100, 5, 0, 2, 0, 2]}`)
	s, err := load(path, data.Options{})
	require.NoError(t, err)
	require.Equal(t, []int32{5, 0, 2, 0, 2}, learned(s.Examples[0]))
	require.Equal(t, 5, s.Learned)
}

func TestT4LearnedTokensAreTheAnswers(t *testing.T) {
	tok := llama(t)
	r, err := data.Find("koala")
	require.NoError(t, err)
	want := 1
	c := talk("One?", "The first answer.", "Two?", "Another one, longer.", "Three?", "")
	for i := 1; i < len(c.Turns); i += 2 {
		want += len(tok.Encode(c.Turns[i].Text)) + 1
	}
	e, err := r.Encode(tok, c, 2048)
	require.NoError(t, err)
	require.Equal(t, want, e.Learned())
}

// samples are texts whose edges tokenizers fuse or change.
var samples = []string{"Blue.", " leading", "\nline", "-5", "5", ")", "://x", "\t", "é", "😀 ok", "中文", "{\"a\": 1}", "  two", "a\r\nb", "", "`x`", "%", "'tis", "trailing "}

// tok(prompt)+tok(answer) ≠ tok(prompt+answer): the mask begins at the first
// token that starts in the answer, whether tokens are looked at or counted.
func TestT5MasksBeginWhereAnswersDo(t *testing.T) {
	for name, tok := range tokenizers(t) {
		everyRecipe(t, func(t *testing.T, r data.Recipe) {
			for _, text := range samples {
				c := talk("Question?", text, "And?", text)
				if r.Dialogue == nil {
					c = talk("Question?", text)
				}
				e, err := r.Encode(tok, c, 2048)
				require.NoError(t, err)
				counted, err := r.Encode(plain{tok}, c, 2048)
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
	tok := llama(t)
	require.NotEqual(t, tok.Encode("### Response:-5"), append(tok.Encode("### Response:"), tok.Encode("-5")...), "the case that breaks a naive version")
}

// Over real answers, spans and counts agree.
func TestT5SpansEqualCounts(t *testing.T) {
	tok, rng := llama(t), rand.New(rand.NewPCG(1, 2))
	alphabet := []rune(" \n:-=/.,'\"()[]{}<>#$%@`~^&*+_|\\abcTHE0159é中😀\t")
	everyRecipe(t, func(t *testing.T, r data.Recipe) {
		for range 60 {
			text := func() string {
				var b strings.Builder
				for range rng.IntN(12) {
					b.WriteRune(alphabet[rng.IntN(len(alphabet))])
				}
				return b.String()
			}
			c := talk(text(), text())
			if r.Dialogue != nil {
				c = talk(text(), text(), text(), text())
			}
			e, err := r.Encode(tok, c, 2048)
			require.NoError(t, err)
			counted, err := r.Encode(plain{tok}, c, 2048)
			require.NoError(t, err)
			require.Equal(t, counted.Tokens, e.Tokens)
			require.Equal(t, counted.Labels, e.Labels, "%q", c.Turns)
		}
	})
}

func TestT6OneLineBreakTellsTwoTemplates(t *testing.T) {
	tok := llama(t)
	alpaca, err := data.Find("alpaca")
	require.NoError(t, err)
	lora, err := data.Find("alpaca-lora")
	require.NoError(t, err)
	a, err := alpaca.Prompt(tok, "Name a color.", "")
	require.NoError(t, err)
	b, err := lora.Prompt(tok, "Name a color.", "")
	require.NoError(t, err)
	require.Equal(t, append(slices.Clone(a), 13), b)
}

func TestT7NoInputIsNoInputHoweverWritten(t *testing.T) {
	var hashes []string
	for _, row := range []string{`{"instruction": "a", "input": "", "output": "b"}`, `{"instruction": "a", "output": "b"}`, `{"instruction": "a", "input": null, "output": "b"}`} {
		s, err := load(write(t, "a.jsonl", row), data.Options{})
		require.NoError(t, err)
		hashes = append(hashes, s.Hash)
	}
	require.Equal(t, hashes[0], hashes[1])
	require.Equal(t, hashes[0], hashes[2])
	s, err := load(write(t, "a.jsonl", `{"instruction": "a", "input": " ", "output": "b"}`), data.Options{})
	require.NoError(t, err)
	require.NotEqual(t, hashes[0], s.Hash, "a space is an input")
}

// What generation begins with is what training saw before the answer, turn by
// turn.
func TestT8PromptsArePrefixesOfTraining(t *testing.T) {
	tok := llama(t)
	everyRecipe(t, func(t *testing.T, r data.Recipe) {
		c := talk("Add the numbers 2 and 3.", "Five", "And 4?", "Nine")
		if r.Dialogue == nil {
			c.Turns = c.Turns[:2]
		}
		e, err := r.Encode(tok, c, 2048)
		require.NoError(t, err)
		for n := 1; n < len(c.Turns); n += 2 {
			asked := c
			asked.Turns = c.Turns[:n]
			prompt, err := r.Ask(tok, asked)
			require.NoError(t, err)
			require.Equal(t, prompt, e.Tokens[:len(prompt)])
		}
	})
}

// The frame that inference supplies is not learned: "ASSISTANT:", "GPT:".
func TestT9TheFirstLearnedTokenIsTheAnswers(t *testing.T) {
	tok := llama(t)
	everyRecipe(t, func(t *testing.T, r data.Recipe) {
		c := talk("Say it.", "Fine")
		e, err := r.Encode(tok, c, 2048)
		require.NoError(t, err)
		if !r.LearnPrompt && ends(r) {
			first := strings.TrimSpace(tok.Decode(learned(e)[:1]))
			require.NotEmpty(t, first)
			require.True(t, strings.HasPrefix("Fine", first), first)
		}
	})
}
