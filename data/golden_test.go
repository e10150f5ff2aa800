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

// record takes a rendered text of the Alpaca family apart again.
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

// talk is a conversation of alternating turns.
func talk(turns ...string) data.Conversation {
	var c data.Conversation
	for i, text := range turns {
		role := data.User
		if i%2 == 1 {
			role = data.Assistant
		}
		c.Turns = append(c.Turns, data.Turn{Role: role, Text: text})
	}
	return c
}

// conversations are what the golden cases of the other systems were made from.
var conversations = map[string]struct {
	recipe string
	cutoff int
	data.Conversation
}{
	"baize-v1":                 {"baize", 512, talk("Hello!", "Hi! How can I help you?")},
	"vicuna-v1.1/legacy=True":  {"vicuna", 2048, talk("Hello!", "Hi there.", "Bye", "Goodbye!")},
	"vicuna-v1.1/legacy=False": {"vicuna-v1.5", 2048, talk("Hello!", "Hi there.", "Bye", "Goodbye!")},
	"vicuna-v0/released-mask(buggy: header not counted)":      {"vicuna-v0-released", 2048, talk("Hello!", "Hi there.")},
	"vicuna-v0/fixed-mask":                                    {"vicuna-v0", 2048, talk("Hello!", "Hi there.")},
	"koala/2-turn (default add_eos_token=True => double eos)": {"koala", 2048, talk("Hello!", "Hi! How can I help you?", "Bye", "Goodbye!")},
	"gpt4all-lora (Mar 2023)":                                 {"gpt4all", 1024, talk("Name a color.", "Blue.")},
	"gpt4all (HEAD data.py)":                                  {"gpt4all-head", 1024, talk("Name a color.", "Blue.")},
	"vicuna-v1.1/edge-assistant-in-answer":                    {"vicuna", 2048, talk("Hi", "I say ASSISTANT: twice")},
	"vicuna-v1.1/edge-eos-in-answer":                          {"vicuna", 2048, talk("Hi", "a</s>b")},
	"vicuna-v1.1/edge-empty-answer":                           {"vicuna", 2048, talk("Hi", "")},
	"vicuna-v1.1/edge-newlines":                               {"vicuna", 2048, talk("Line1\n\nLine2", "```go\nfunc main() {}\n```", "ok ", " spaced ")},
	"vicuna-v1.1/edge-truncated-64":                           {"vicuna", 64, talk("Hello!", strings.TrimSpace(strings.Repeat("word ", 80)), "Bye", "Goodbye!")},
}

func TestSeedsEncodeAsUpstream(t *testing.T) {
	tok, n := llama(t), 0
	for _, file := range []string{"seeds_golden.json", "seeds_golden_edge.json"} {
		for _, g := range goldens(t, file) {
			if g.Labels == nil {
				continue // prompts only: TestSeedPromptsEncodeAsUpstream
			}
			n++
			t.Run(g.Name, func(t *testing.T) {
				known, ok := conversations[g.Name]
				if !ok {
					name, _, _ := strings.Cut(g.Name, "/")
					r, err := data.Find(name)
					require.NoError(t, err)
					known.recipe, known.cutoff, known.Conversation = name, 512, record(t, r, g.Text)
				}
				r, err := data.Find(known.recipe)
				require.NoError(t, err)
				e, err := r.Encode(tok, known.Conversation, known.cutoff)
				require.NoError(t, err)
				require.Equal(t, g.IDs, e.Tokens)
				require.Equal(t, g.Labels, e.Labels)
			})
		}
	}
	require.Equal(t, 33, n)
}

// Koala's own server does not reproduce the tokens of its training, where
// answers are tokenized apart; FastChat's extra space does.
func TestSeedPromptsEncodeAsUpstream(t *testing.T) {
	tok := llama(t)
	r, err := data.Find("koala")
	require.NoError(t, err)
	history := talk("Hello!", "Hi! How can I help you?", "Bye")
	official, err := r.Upstream.Text(history, "</s>")
	require.NoError(t, err)
	spaced := *r.Upstream
	spaced.Gap = " "
	other, err := spaced.Text(history, "</s>")
	require.NoError(t, err)
	trained, err := r.Ask(tok, history)
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

// The strings that the systems' own chats send, as another program rendered
// them.
func TestUpstreamChatsEqual(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shared(t), "golden/seeds_golden_misc.json"))
	require.NoError(t, err)
	var misc struct{ Strings map[string]any }
	require.NoError(t, json.Unmarshal(text, &misc))
	for _, c := range []struct {
		key, recipe string
		upstream    bool
		data.Conversation
	}{
		{"fc_vicuna_v1.1", "vicuna", false, talk("{q1}", "{a1}", "{q2}")},
		{"fc_koala_v1", "koala", false, talk("{q1}", "{a1}", "{q2}")},
		{"fc_baize", "baize", true, talk("{q1}", "{a1}", "{q2}")},
		{"v0_infer", "vicuna-v0", true, talk("{question}")},
		{"g4a_bind", "gpt4all", true, talk("{user}")},
	} {
		t.Run(c.key, func(t *testing.T) {
			r, err := data.Find(c.recipe)
			require.NoError(t, err)
			d := r.Dialogue
			if c.upstream {
				d = r.Upstream
			} else {
				spaced := *d
				spaced.Gap = " "
				d = &spaced
			}
			got, err := d.Text(c.Conversation, "</s>")
			require.NoError(t, err)
			require.Equal(t, misc.Strings[c.key], got)
		})
	}
	r, err := data.Find("chatdoctor")
	require.NoError(t, err)
	got, err := r.Upstream.Text(talk("It hurts."), "")
	require.NoError(t, err)
	history := "ChatDoctor: I am ChatDoctor, what medical questions do you have?\n\nPatient: It hurts."
	require.Equal(t, strings.ReplaceAll(misc.Strings["cd_chat"].(string), "{history}", history), got)
	baize, err := data.Find("baize")
	require.NoError(t, err)
	require.Equal(t, misc.Strings["baize_demo"], baize.Upstream.System+baize.Upstream.SystemEnd)
	early, err := data.Find("vicuna-v0")
	require.NoError(t, err)
	require.Equal(t, misc.Strings["v0_conv_v1_2_prefix"], early.Upstream.System+early.Upstream.SystemEnd+"###")
	for recipe, keys := range map[string][2]string{
		"alpaca": {"alpaca_in", "alpaca_no"}, "alpaca-lora": {"al_alpaca_in", "al_alpaca_no"}, "alpaca-lora-legacy": {"al_alpaca_legacy_in", "al_alpaca_legacy_no"},
		"alpaca-lora-short": {"al_alpaca_short_in", "al_alpaca_short_no"}, "alpaca-lora-vigogne": {"al_vigogne_in", "al_vigogne_no"},
		"chatdoctor-lora": {"cd_lora_in", "cd_lora_no"},
	} {
		r, err := data.Find(recipe)
		require.NoError(t, err)
		for i, form := range []string{r.Template.WithInput, r.Template.NoInput} {
			require.Equal(t, strings.TrimSuffix(misc.Strings[keys[i]].(string), "{output}"), form, keys[i])
		}
		if split, ok := misc.Strings[strings.TrimSuffix(keys[1], "_no")+"_split"]; ok {
			require.Equal(t, split, r.Template.Split, keys[1])
		}
	}
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
			prompt, err := r.Prompt(tok, "Add the numbers.", input)
			require.NoError(t, err)
			require.Equal(t, prompt, e.Tokens[:len(prompt)], r.Name)
			if !strings.HasPrefix(r.Name, "vicuna-v0") {
				require.Equal(t, tok.EOS(), e.Tokens[len(e.Tokens)-1], r.Name)
			}
		}
	}
}
