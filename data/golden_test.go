package data_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/model/tokenizer"
)

// shared is the reference material, at FETTLE_DATA or beside the repository.
func shared(t testing.TB) string {
	dir := os.Getenv("FETTLE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("reference material not found; set FETTLE_DATA")
	}
	return dir
}

func llama(t testing.TB) *tokenizer.Tokenizer {
	tok, err := tokenizer.Load(filepath.Join(shared(t), "data/tokenizers/llama12/tokenizer.model"))
	require.NoError(t, err)
	return tok
}

// golden is a case of seeds_golden.json: a rendered text with its tokens.
type golden struct {
	Name, Text  string
	IDs, Labels []int32
}

func goldens(t *testing.T, file string) []golden {
	text, err := os.ReadFile(filepath.Join(shared(t), "golden", file))
	require.NoError(t, err)
	var all []golden
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// record takes a rendered text apart again.
func record(t *testing.T, r data.Recipe, text string) data.Conversation {
	end := r.Template.NoInput[strings.Index(r.Template.NoInput, "{instruction}")+len("{instruction}"):]
	at := strings.Index(text, end)
	require.Positive(t, at)
	prompt, answer := text[:at], strings.TrimSuffix(text[at+len(end):], "</s>")
	_, fields, _ := strings.Cut(prompt, "### Instruction:\n")
	instruction, input, _ := strings.Cut(fields, "\n\n### Input:\n")
	require.Equal(t, prompt+end, r.Template.Prompt(instruction, input))
	return data.Conversation{Turns: []data.Turn{{Role: data.User, Text: instruction, Input: input}, {Role: data.Assistant, Text: answer}}}
}

func TestSeedsEncodeAsUpstream(t *testing.T) {
	tok, n := llama(t), 0
	for _, file := range []string{"seeds_golden.json", "seeds_golden_edge.json"} {
		for _, g := range goldens(t, file) {
			name, _, _ := strings.Cut(g.Name, "/")
			r, err := data.Find(name)
			if err != nil {
				continue // a recipe that is not there yet
			}
			t.Run(g.Name, func(t *testing.T) {
				e, err := r.Encode(tok, record(t, r, g.Text), 512)
				require.NoError(t, err)
				require.Equal(t, g.IDs, e.Tokens)
				require.Equal(t, g.Labels, e.Labels)
			})
			n++
		}
	}
	require.GreaterOrEqual(t, n, 20)
}

// The 100 prompts that another program rendered from real records.
func TestRenderedPromptsEqual(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shared(t), "data/datasets/alpaca/alpaca_tiny.json"))
	require.NoError(t, err)
	var rows []struct{ Instruction, Input, Output, Text string }
	require.NoError(t, json.Unmarshal(text, &rows))
	require.Len(t, rows, 100)
	r, err := data.Find("alpaca-lora")
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, row.Text, r.Template.Prompt(row.Instruction, row.Input)+row.Output)
	}
}

func TestPromptIsThePrefixOfTraining(t *testing.T) {
	tok := llama(t)
	for _, r := range data.Recipes() {
		for _, input := range []string{"", "2 3"} {
			c := data.Conversation{Turns: []data.Turn{{Role: data.User, Text: "Add the numbers.", Input: input}, {Role: data.Assistant, Text: "Five"}}}
			e, err := r.Encode(tok, c, 512)
			require.NoError(t, err)
			prompt := r.Prompt(tok, "Add the numbers.", input)
			require.Equal(t, prompt, e.Tokens[:len(prompt)], r.Name)
			require.Equal(t, tok.EOS(), e.Tokens[len(e.Tokens)-1], r.Name)
		}
	}
}
