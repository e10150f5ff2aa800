package encode_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
)

// golden is a case of seeds_golden.json: a rendered text with its tokens.
type golden struct {
	Name, Text  string
	IDs, Labels []int32
}

func goldens(t *testing.T, file string) []golden {
	text, err := os.ReadFile(filepath.Join(datatest.Shared(t), "golden", file))
	require.NoError(t, err)
	var all []golden
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// record parses a rendered text of the Alpaca family.
func record(t *testing.T, r recipe.Recipe, text string) recipe.Conversation {
	end := r.Template.NoInput[strings.Index(r.Template.NoInput, "{instruction}")+len("{instruction}"):]
	at := strings.Index(text, end)
	require.Positive(t, at)
	prompt, answer := text[:at], strings.TrimSuffix(text[at+len(end):], "</s>")
	_, fields, _ := strings.Cut(prompt, "### Instruction:\n")
	instruction, input, _ := strings.Cut(fields, "\n\n### Input:\n")
	require.Equal(t, prompt+end, r.Template.Prompt(instruction, input))
	return recipe.Conversation{Turns: []recipe.Turn{{Role: recipe.User, Text: instruction, Input: input},
		{Role: recipe.Assistant, Text: answer}}}
}

// conversations are the inputs of the golden cases of the other systems.
var conversations = map[string]struct {
	recipe string
	cutoff int
	recipe.Conversation
}{
	"baize-v1":                 {"baize", 512, datatest.Talk("Hello!", "Hi! How can I help you?")},
	"vicuna-v1.1/legacy=True":  {"vicuna", 2048, datatest.Talk("Hello!", "Hi there.", "Bye", "Goodbye!")},
	"vicuna-v1.1/legacy=False": {"vicuna-v1.5", 2048, datatest.Talk("Hello!", "Hi there.", "Bye", "Goodbye!")},
	"vicuna-v0/released-mask(buggy: header not counted)": {"vicuna-v0-released", 2048, datatest.Talk("Hello!",
		"Hi there.")},
	"vicuna-v0/fixed-mask": {"vicuna-v0", 2048, datatest.Talk("Hello!", "Hi there.")},
	"koala/2-turn (default add_eos_token=True => double eos)": {"koala", 2048, datatest.Talk("Hello!",
		"Hi! How can I help you?", "Bye", "Goodbye!")},
	"gpt4all-lora (Mar 2023)":              {"gpt4all", 1024, datatest.Talk("Name a color.", "Blue.")},
	"gpt4all (HEAD data.py)":               {"gpt4all-head", 1024, datatest.Talk("Name a color.", "Blue.")},
	"vicuna-v1.1/edge-assistant-in-answer": {"vicuna", 2048, datatest.Talk("Hi", "I say ASSISTANT: twice")},
	"vicuna-v1.1/edge-eos-in-answer":       {"vicuna", 2048, datatest.Talk("Hi", "a</s>b")},
	"vicuna-v1.1/edge-newlines": {"vicuna", 2048, datatest.Talk("Line1\n\nLine2",
		"```go\nfunc main() {}\n```", "ok ", " spaced ")},
	"vicuna-v1.1/edge-truncated-64": {"vicuna", 64, datatest.Talk("Hello!",
		strings.TrimSpace(strings.Repeat("word ", 80)), "Bye", "Goodbye!")},
}

func TestSeedsEncodeAsUpstream(t *testing.T) {
	tok, n := datatest.LLaMA(t), 0
	for _, file := range []string{"seeds_golden.json", "seeds_golden_edge.json"} {
		for _, g := range goldens(t, file) {
			if g.Labels == nil {
				continue // prompts only: TestSeedPromptsEncodeAsUpstream
			}
			if g.Name == "vicuna-v1.1/edge-empty-answer" {
				continue // FastChat prints no </s> there and masks the row: TestVicunaMasksWhatFastChatMasks
			}
			n++
			t.Run(g.Name, func(t *testing.T) {
				known, ok := conversations[g.Name]
				if !ok {
					name, _, _ := strings.Cut(g.Name, "/")
					r, err := recipe.Find(name)
					require.NoError(t, err)
					known.recipe, known.cutoff, known.Conversation = name, 512, record(t, r, g.Text)
				}
				r, err := recipe.Find(known.recipe)
				require.NoError(t, err)
				e, err := datatest.Encode(tok, r, known.Conversation, known.cutoff)
				require.NoError(t, err)
				require.Equal(t, g.IDs, e.Tokens)
				require.Equal(t, g.Labels, e.Labels)
			})
		}
	}
	require.Equal(t, 32, n)
}

// Koala's own server does not reproduce the tokens of its training, where
// answers are tokenized on their own; FastChat's extra space does.
func TestSeedPromptsEncodeAsUpstream(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("koala")
	require.NoError(t, err)
	history := datatest.Talk("Hello!", "Hi! How can I help you?", "Bye")
	official := datatest.Text(t, r.Upstream, history, "</s>")
	spaced := *r.Upstream
	spaced.Gap = " "
	other := datatest.Text(t, &spaced, history, "</s>")
	trained, err := encode.New(tok, r).Prompt(history)
	require.NoError(t, err)
	for _, g := range goldens(t, "seeds_golden.json") {
		if g.Name == "koala/inference-prompt round 2" {
			require.Equal(t, g.Text, official)
			require.Equal(t, g.IDs, append([]int32{1}, tok.EncodeSpecial(official)...))
		}
	}
	require.Equal(t, trained, append([]int32{1}, tok.EncodeSpecial(other)...))
	require.NotEqual(t, trained, append([]int32{1}, tok.EncodeSpecial(official)...))
}

func TestPromptIsThePrefixOfTraining(t *testing.T) {
	tok := datatest.LLaMA(t)
	for _, r := range recipe.All() {
		for _, input := range []string{"", "2 3"} {
			c := recipe.Conversation{Turns: []recipe.Turn{{Role: recipe.User, Text: "Add the numbers.", Input: input},
				{Role: recipe.Assistant, Text: "Five"}}}
			e, err := datatest.Encode(tok, r, c, 512)
			require.NoError(t, err)
			prompt, err := encode.New(tok, r).Prompt(recipe.Instruction("Add the numbers.", input))
			require.NoError(t, err)
			require.Equal(t, prompt, e.Tokens[:len(prompt)], r.Name)
			if !strings.HasPrefix(r.Name, "vicuna-v0") {
				require.Equal(t, tok.EOS(), e.Tokens[len(e.Tokens)-1], r.Name)
			}
		}
	}
}

// With legacy=False no text behind a control token begins with a space, in the data
// either. The ids are SentencePiece's of "\n" and the text, without those of "\n".
func TestJoinedTextsBehindNamesBeginWithoutASpace(t *testing.T) {
	tok := datatest.LLaMA(t)
	r, err := recipe.Find("vicuna-v1.5")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"<s>Where": " 1 11921 ", "<s> Where": " 1 6804 ", "a<unk>b": " 263 0 29890 ", "</s>ok": " 2 554 ",
	} {
		e, err := datatest.Encode(tok, r, datatest.Talk(text, "a"), 2048)
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(e.Tokens), want, text)
	}
}

// A text may begin with spaces, to which SentencePiece adds one.
func TestTokensOfLeadingSpacesAreFound(t *testing.T) {
	tok := datatest.LLaMA(t)
	r := recipe.Recipe{BOS: recipe.NoToken}
	for _, prompt := range []string{" ", "  ", "   a "} {
		for _, answer := range []string{"the", " the", "   "} {
			c := recipe.Conversation{Segments: []recipe.Segment{{Text: prompt}, {Text: answer, Learn: true, Whole: true}}}
			fitted, err := encode.New(tok, r).Fit(c, 2048, "")
			require.NoError(t, err)
			e := fitted.Examples[0]
			at := slices.IndexFunc(e.Labels, func(l int32) bool { return l != encode.Ignore })
			before := len(tok.Decode(e.Tokens[:at]))
			require.LessOrEqual(t, before, len(prompt), "%q %q", prompt, answer)
			require.Greater(t, len(tok.Decode(e.Tokens[:at+1])), len(prompt), "%q %q", prompt, answer)
		}
	}
}
