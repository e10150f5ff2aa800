package chattemplate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/data/chattemplate"
	"fettle/data/encode"
	"fettle/data/internal/datatest"
	"fettle/data/recipe"
	"fettle/model/tokenizer"
)

// chatty has the control tokens of the templates that are tested.
var chatty = datatest.Spelled{Controls: []string{
	"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>",
	"<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|system|>",
	"<|end|>", "<start_of_turn>", "<end_of_turn>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>",
	"<|SYSTEM_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|START_RESPONSE|>",
	"<|END_RESPONSE|>", "<|START_ACTION|>", "<|END_ACTION|>", "<|START_THINKING|>", "<|END_THINKING|>", "<｜User｜>",
	"<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
	"<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>",
	"<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", "[INST]", "[/INST]",
}}

// template returns the recipe of one of the renderer's test templates.
func template(t testing.TB, name string) recipe.Recipe {
	return templateAt(t, filepath.Join("../../internal/jinja/testdata", name+".jinja"))
}

func templateAt(t testing.TB, path string) recipe.Recipe {
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err := chattemplate.Recipe(filepath.Base(path), chattemplate.Templates{Default: string(source)}, chatty)
	require.NoError(t, err)
	return r
}

const called = `{"name": "f", "arguments": {"x": "<|eot_id|>"}}`

const offered = `[{"name": "f", "description": "does", "parameters": {"type": "object", "properties": {}}}]`

// Every kind of conversation, with the learned spans marked.
func TestT10ChatTemplatesLearnTheAssistantsTurns(t *testing.T) {
	const head = "<|start_header_id|>assistant<|end_header_id|>\n\n"
	user := func(text string) string { return "<|start_header_id|>user<|end_header_id|>\n\n" + text + "<|eot_id|>" }
	for _, c := range []struct{ name, template, row, want string }{
		{"one turn", "headers", `{"messages": [{"role": "user", "content": " q "}, ` +
			`{"role": "assistant", "content": " a "}]}`,
			"<s>" + user("q") + head + "⟦a<|eot_id|>⟧"},
		{"system and two turns", "headers", `{"messages": [{"role": "system", "content": "S"}, ` +
			`{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, ` +
			`{"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`,
			"<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>" + user("q") + head + "⟦a<|eot_id|>⟧" +
				user("r") + head + "⟦b<|eot_id|>⟧"},
		{"two answers in a row", "headers", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]}`,
			"<s>" + user("q") + head + "⟦a<|eot_id|>⟧" + head + "⟦b<|eot_id|>⟧"},
		{"only the last", "headers", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a", "weight": 0}, {"role": "user", "content": "r", "loss": true}, ` +
			`{"role": "assistant", "content": "b"}]}`,
			"<s>" + user("q") + head + "a<|eot_id|>" + user("⟦r⟧") + head + "⟦b<|eot_id|>⟧"},
		{"a call of a tool", "headers", `{"conversations": [{"from": "human", "value": "q"}, ` +
			`{"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, ` +
			`{"from": "observation", "value": "7"}, {"from": "gpt", "value": "a"}], "tools": ""}`,
			"<s>" + user("q") + head + `⟦{"name": "f", "parameters": {"x": 1}}<|eot_id|>⟧` +
				"<|start_header_id|>ipython<|end_header_id|>\n\n7<|eot_id|>" + head + "⟦a<|eot_id|>⟧"},
		{"OpenAI's call", "headers", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": null, "tool_calls": [{"id": "z", "type": "function", ` +
			`"function": {"name": "f", "arguments": "{\"x\": \"é\"}"}}]}, ` +
			`{"role": "tool", "tool_call_id": "z", "content": "7"}]}`,
			"<s>" + user("q") + head + `⟦{"name": "f", "parameters": {"x": "é"}}<|eot_id|>⟧` +
				"<|start_header_id|>ipython<|end_header_id|>\n\n7<|eot_id|>"},
		{"tools on offer", "headers", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}], "tools": [{"name": "f"}]}`,
			"<s><|start_header_id|>system<|end_header_id|>\n\n\n{\n  \"type\": \"function\",\n  \"function\": {\n" +
				"    \"name\": \"f\"\n  }\n}<|eot_id|>" + user("q") + head + "⟦a<|eot_id|>⟧"},
		{"an empty answer", "headers", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": ""}]}`,
			"<s>" + user("q") + head + "⟦<|eot_id|>⟧"},
		{"an answer first", "headers", `{"messages": [{"role": "assistant", "content": "a"}, ` +
			`{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]}`,
			"<s>" + head + "⟦a<|eot_id|>⟧" + user("q") + head + "⟦b<|eot_id|>⟧"},
		{"marked by the template", "generation", `{"messages": [{"role": "system", "content": "S"}, ` +
			`{"role": "user", "content": "q"}, {"role": "assistant", "content": " a "}]}`,
			"<s><|system|>\nS<|end|>\n<|user|>\nq<|end|>\n<|assistant|>\n⟦ a <|end|>⟧\n"},
		{"marked, a call", "generation", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "w", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, ` +
			`{"role": "tool", "content": "7"}, {"role": "assistant", "content": "b", "weight": 0}]}`,
			"<s><|user|>\nq<|end|>\n<|assistant|>\n⟦w<call>f {}</call><|end|>⟧\n<|tool|>\n7<|end|>\n<|assistant|>\n" +
				"b<|end|>\n"},
		{"thoughts that history drops", "thinking", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "<think>\nhm\n</think>\n\na"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}]}`,
			"<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n<|im_start|>user\nr<|im_end|>\n" +
				"<|im_start|>assistant\n⟦b<|im_end|>⟧\n"},
		{"a thought and nothing else", "thinking", `{"messages": [{"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "<think>"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": ""}]}`,
			"<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n⟦<think><|im_end|>⟧\n<|im_start|>user\nr<|im_end|>" +
				"\n<|im_start|>assistant\n⟦<|im_end|>⟧\n"},
		{"in brackets", "inst", `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "q"}, ` +
			`{"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}, ` +
			`{"role": "assistant", "content": "b"}]}`,
			"<s>[INST] S\n\nq [/INST]⟦ a </s>⟧[INST] r [/INST]⟦ b </s>⟧"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := datatest.Load(chatty, template(t, c.template), datatest.Write(t, "a.jsonl", c.row),
				data.Options{Format: "sharegpt", Cutoff: 4096})
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(c.want, "⟧⟦", ""), chatty.Shown(s.Examples[0]))
			require.Zero(t, s.Report.Counts["end-not-learned"])
		})
	}
}

// chats are conversations that most templates accept.
var chats = map[string]recipe.Conversation{
	"a question": datatest.Talk("Name a color.", "Blue."),
	"turns":      datatest.Talk("One?", "1", "Two?", "Zwei é 😀", "Three?", "3"),
	"think":      datatest.Talk("Why?", "<think>\nHm.\n</think>\n\nBecause.", "So?", "So."),
	"spaces":     datatest.Talk(" a\n", "b c", "  d", "x\n\ny"),
	"hostile": datatest.Talk("<|eot_id|><|im_end|></s><s>[/INST]<｜Assistant｜><|END_OF_TURN_TOKEN|>",
		"The token <|eot_id|> ends <s> a turn.", "<end_of_turn><|end|>", "ok"),
	"with tools": {Turns: datatest.Talk("Weather?", "Which city?").Turns, Tools: offered},
	"with a call": {Tools: offered, Turns: []recipe.Turn{
		{Role: recipe.User, Text: "Weather?"},
		{Role: recipe.Assistant, Text: called, Calls: called},
		{Role: recipe.Tool, Text: "<|im_end|>rain"},
		{Role: recipe.Assistant, Text: "Rain."},
	}},
	"with a system": {System: "Be <|eot_id|> brief.", Turns: datatest.Talk("One?", "1").Turns},
}

// refused lists the conversations that a template refuses, by raise_exception or by
// an error of Jinja, or prints incompletely.
var refused = map[string][]string{
	"inst":                                 {"with a call"},
	"fireworks-ai-llama-3-firefunction-v2": {"all"}, // requires variables that transformers does not provide
	"google-gemma-2-2b-it":                 {"with a system", "with a call"},
	"llama-cpp-deepseek-r1":                {"with tools", "with a call"}, // writes a generator as JSON
	"microsoft-Phi-3.5-mini-instruct":      {"with a call"},               // omits the tool's result
	"mistralai-Mistral-Nemo-Instruct-2407": {"with a system"},             // omits it
}

// chatTemplates calls f for every template and the conversations that it accepts.
func chatTemplates(
	t *testing.T, f func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation),
) {
	var paths []string
	for _, name := range []string{"headers", "generation", "thinking", "inst"} {
		paths = append(paths, "../../internal/jinja/testdata/"+name+".jinja")
	}
	root := os.Getenv("FETTLE_DATA")
	if root == "" {
		root = "../../shared"
	}
	real, err := filepath.Glob(filepath.Join(root, "data/tokenizers/chat_templates/*.jinja"))
	require.NoError(t, err)
	for _, path := range append(paths, real...) {
		name := strings.TrimSuffix(filepath.Base(path), ".jinja")
		t.Run(name, func(t *testing.T) {
			r := templateAt(t, path)
			for chat, c := range chats {
				if slices.Contains(refused[name], chat) || refused[name] != nil && refused[name][0] == "all" {
					_, err := datatest.Encode(chatty, r, c, 1<<20)
					require.Error(t, err, "%s, %s", name, chat)
					continue
				}
				if strings.Contains(name, "tool_use") && c.Tools == "" {
					c.Tools = offered // for nothing else are these
				}
				f(t, name, r, chat, c)
			}
		})
	}
}

// A template that prints bos_token gives one, any other none, whatever the
// conversation.
func TestT1ChatTemplatesGiveOneBeginningOrNone(t *testing.T) {
	chatTemplates(t, func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation) {
		e, err := datatest.Encode(chatty, r, c, 1<<20)
		require.NoError(t, err)
		n := 0
		for i, id := range e.Tokens {
			if id == chatty.BOS() {
				require.Zero(t, i, "%s, %s", name, chat)
				n++
			}
		}
		want := map[string]int{"thinking": 0, "Qwen-Qwen2.5-7B-Instruct": 0, "microsoft-Phi-3.5-mini-instruct": 0}
		if w, ok := want[name]; ok {
			require.Equal(t, w, n)
		} else {
			require.Equal(t, 1, n, "%s, %s", name, chat)
		}
	})
}

// The prompt of every answer is a prefix of the training text, except in templates
// that drop thoughts or move text once a conversation continues.
func TestT8ChatTemplatesAskAsTheyTrain(t *testing.T) {
	cannot := map[string]string{
		"thinking": "an answer begins with <think>, history does not",
		"deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "an answer begins with <think>, history does not",
		"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "an answer begins with <think>, history does not",
		"llama-cpp-deepseek-r1":                    "an answer begins with <think>, history does not",
		"CohereForAI-c4ai-command-r-plus-tool_use": "instructions stand behind the last turn",
		"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": "a tool's answer ends with a line break only where " +
			"something follows",
		"NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "a tool's answer ends with a line break only where " +
			"something follows",
		"mistralai-Mistral-Nemo-Instruct-2407": "tools and the system message stand in the last question",
	}
	chatTemplates(t, func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation) {
		e, err := datatest.Encode(chatty, r, c, 1<<20)
		require.NoError(t, err)
		for n := 1; n < len(c.Turns); n++ {
			if c.Turns[n].Role != recipe.Assistant {
				continue
			}
			asked := c
			asked.Turns = c.Turns[:n]
			prompt, err := encode.New(chatty, r).Prompt(asked)
			require.NoError(t, err)
			if !slices.Equal(prompt, e.Tokens[:min(len(prompt), len(e.Tokens))]) {
				require.Contains(t, cannot, name, "%s, turn %d:\n%s", chat, n+1,
					chatty.Shown(data.Example{Tokens: prompt, Labels: make([]int32, len(prompt))}))
				continue
			}
			require.NotEqual(t, int32(data.Ignore), e.Labels[len(prompt)],
				"%s, %s: the answer is learned from its first token", name, chat)
			require.Equal(t, int32(data.Ignore), e.Labels[len(prompt)-1], "%s, %s: and nothing before it", name, chat)
		}
	})
}

// The answers and the tokens that end them are learned, in each of the real templates:
// no header, nothing behind the end.
func TestT9ChatTemplatesLearnNoHeaders(t *testing.T) {
	frames := map[string][2]string{
		"headers": {"", "<|eot_id|>"}, "generation": {"", "<|end|>"}, "thinking": {"", "<|im_end|>"},
		"inst": {" ", " </s>"},
		"CohereForAI-c4ai-command-r-plus-tool_use": {"", "<|END_OF_TURN_TOKEN|>"},
		"CohereForAI-c4ai-command-r7b-12-2024-tool_use": {"<|START_RESPONSE|>",
			"<|END_RESPONSE|><|END_OF_TURN_TOKEN|>"},
		"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": {"", "<|im_end|>"},
		"NousResearch-Hermes-3-Llama-3.1-8B-tool_use":   {"", "<|im_end|>"},
		"Qwen-Qwen2.5-7B-Instruct":                      {"", "<|im_end|>"},
		"deepseek-ai-DeepSeek-R1-Distill-Llama-8B":      {"", "<｜end▁of▁sentence｜>"},
		"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B":      {"", "<｜end▁of▁sentence｜>"},
		"google-gemma-2-2b-it":                          {"", "<end_of_turn>"},
		"llama-cpp-deepseek-r1":                         {"", "<｜end▁of▁sentence｜>"},
		"meetkai-functionary-medium-v3.1":               {"", "<|eot_id|>"},
		"meetkai-functionary-medium-v3.2":               {"all\n", "<|eot_id|>"},
		"meta-llama-Llama-3.1-8B-Instruct":              {"", "<|eot_id|>"},
		"meta-llama-Llama-3.2-3B-Instruct":              {"", "<|eot_id|>"},
		"meta-llama-Llama-3.3-70B-Instruct":             {"", "<|eot_id|>"},
		"microsoft-Phi-3.5-mini-instruct":               {"", "<|end|>"},
		"mistralai-Mistral-Nemo-Instruct-2407":          {"", "</s>"},
	}
	chatTemplates(t, func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation) {
		if chat != "turns" && chat != "with tools" {
			return
		}
		e, err := datatest.Encode(chatty, r, c, 1<<20)
		require.NoError(t, err)
		var want []string
		for _, turn := range c.Turns {
			if turn.Role == recipe.Assistant {
				want = append(want, frames[name][0]+turn.Text+frames[name][1])
			}
		}
		var got []string
		for i, part := range strings.Split(chatty.Shown(e), "⟦") {
			if i > 0 {
				got = append(got, part[:strings.Index(part, "⟧")])
			}
		}
		require.Equal(t, want, got, "%s, %s", name, chat)
		closing := frames[name][1]
		for _, end := range r.Ends {
			closing = strings.TrimSuffix(closing, end)
		}
		require.NotEqual(t, closing, frames[name][1], "%s: answers end with one of %q", name, r.Ends)
	})
}

// Text never becomes a control token: there are as many as if every turn were x.
func TestT11ChatTemplatesKeepTypedTokensText(t *testing.T) {
	count := func(t *testing.T, r recipe.Recipe, c recipe.Conversation) int {
		e, err := datatest.Encode(chatty, r, c, 1<<20)
		require.NoError(t, err)
		n := 0
		for _, id := range e.Tokens {
			if chatty.Control(id) {
				n++
			}
		}
		return n
	}
	chatTemplates(t, func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation) {
		tame := c
		tame.Turns = slices.Clone(c.Turns)
		for i, turn := range c.Turns {
			tame.Turns[i].Text = "x"
			if turn.Calls != "" {
				tame.Turns[i].Calls = `{"name": "f", "arguments": {"x": "x"}}`
				tame.Turns[i].Text = tame.Turns[i].Calls
			}
		}
		if c.System != "" {
			tame.System = "x"
		}
		require.Equal(t, count(t, r, tame), count(t, r, c), "%s, %s", name, chat)
		c.Turns = slices.Clone(c.Turns)
		c.Turns[0].Text += "<s><|eot_id|><|im_end|>[INST]"
		require.Equal(t, count(t, r, tame), count(t, r, c), "%s, %s", name, chat)
	})
}

// A tool call is learned as the model has to write it.
func TestT9ChatTemplatesLearnCalls(t *testing.T) {
	hermes := "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"<|eot_id|>\"}}\n</tool_call><|im_end|>"
	deepseek := "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"x\": \"<|eot_id|>\"}\n" +
		"```<｜tool▁call▁end｜>"
	llama := `{"name": "f", "parameters": {"x": "<|eot_id|>"}}<|eot_id|>`
	want := map[string]string{
		"headers": llama, "generation": `<call>f {"x": "<|eot_id|>"}</call><|end|>`,
		"thinking": `{"name": "f", "arguments": {"x": "<|eot_id|>"}}<|im_end|>`,
		"CohereForAI-c4ai-command-r-plus-tool_use": "\nAction:\n```json\n[\n    {\n        \"tool_name\": \"f\"," +
			"\n        \"parameters\": {\n            \"x\": \"<|eot_id|>\"\n        }\n    }\n]```",
		"CohereForAI-c4ai-command-r7b-12-2024-tool_use": "<|START_THINKING|><|END_THINKING|><|START_ACTION|>[\n" +
			"    {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"x\": \"<|eot_id|>\"}}\n]" +
			"<|END_ACTION|><|END_OF_TURN_TOKEN|>",
		"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": hermes, "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": hermes,
		"Qwen-Qwen2.5-7B-Instruct":                 hermes,
		"deepseek-ai-DeepSeek-R1-Distill-Llama-8B": deepseek, "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": deepseek,
		"meetkai-functionary-medium-v3.1":  `<function=f>{"x": "<|eot_id|>"}</function><|eom_id|>`,
		"meetkai-functionary-medium-v3.2":  "f\n{\"x\": \"<|eot_id|>\"}<|eot_id|>",
		"meta-llama-Llama-3.1-8B-Instruct": llama, "meta-llama-Llama-3.2-3B-Instruct": llama,
		"meta-llama-Llama-3.3-70B-Instruct": llama,
		"mistralai-Mistral-Nemo-Instruct-2407": `[TOOL_CALLS][{"name": "f", "arguments": {"x": "<|eot_id|>"}, ` +
			`"id": "call00001"}]</s>`,
	}
	chatTemplates(t, func(t *testing.T, name string, r recipe.Recipe, chat string, c recipe.Conversation) {
		if chat != "with a call" {
			return
		}
		e, err := datatest.Encode(chatty, r, c, 1<<20)
		require.NoError(t, err)
		_, shown, _ := strings.Cut(chatty.Shown(e), "⟦")
		shown, _, _ = strings.Cut(shown, "⟧")
		require.Equal(t, want[name], shown)
	})
}

func TestChatTemplatesExplainRefusals(t *testing.T) {
	make := func(source string) (recipe.Recipe, error) {
		return chattemplate.Recipe("m/chat_template.jinja", chattemplate.Templates{Default: source}, chatty)
	}
	_, err := make("a\n{% if %}")
	require.EqualError(t, err, `chat template m/chat_template.jinja: line 2: unexpected "%}"`)
	for _, c := range []struct{ source, want string }{
		{"{% for m in messages %}\n{{ raise_exception('No ' + m.role + ' here') }}{% endfor %}",
			"read a.json:3: chat template m/chat_template.jinja: line 2: the template says: No user here"},
		{"{{ messages[0].content }}", "it omits turn 2, the assistant's"},
		{"{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}{{ messages[1].content | upper }}",
			"cannot tell which part of the text is turn 2"},
		{"{% for m in messages %}{{ m.role }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}",
			"turn 2: it is printed in pieces"},
		{"{% for m in messages %}{{ m.content }}{% endfor %}{{ add_generation_prompt.x.y }}", "line 1: "},
	} {
		r, err := make(c.source)
		require.NoError(t, err)
		asked := datatest.Talk("q", "a")
		asked.Source = "a.json:3"
		_, err = datatest.Encode(chatty, r, asked, 512)
		require.ErrorContains(t, err, c.want)
	}
	r, err := make("{% for m in messages %}{{ m.content }}{% endfor %}")
	require.NoError(t, err)
	c := datatest.Talk("q", "a")
	c.Tools = "[7]"
	_, err = datatest.Encode(chatty, r, c, 512)
	require.ErrorContains(t, err, "tools on offer: tool 1 is not {…}")
}

// A template may look at all messages first, and print space as it does.
func TestSpaceOfAnotherLoopIsNoTurn(t *testing.T) {
	r, err := chattemplate.Recipe("m", chattemplate.Templates{Default: "{% for m in messages %} {{ ' ' }}{% endfor %}" +
		"{% for m in messages %}[{{ m.content }}]\n\n{% endfor %}"}, chatty)
	require.NoError(t, err)
	e, err := datatest.Encode(chatty, r, datatest.Talk("q", "a"), 512)
	require.NoError(t, err)
	require.Equal(t, "    [q]\n\n⟦[a]⟧\n\n", chatty.Shown(e))
}

// A list of templates has one for conversations with tools.
func TestToolsChooseTheirTemplate(t *testing.T) {
	each := "{% for m in messages %}{{ m.content }}{% endfor %}"
	r, err := chattemplate.Recipe("m", chattemplate.Templates{Default: "plain " + each, ToolUse: "tools " + each},
		chatty)
	require.NoError(t, err)
	c := datatest.Talk("q", "a")
	e, err := datatest.Encode(chatty, r, c, 512)
	require.NoError(t, err)
	require.Equal(t, "plain q⟦a⟧", chatty.Shown(e))
	c.Tools = offered
	e, err = datatest.Encode(chatty, r, c, 512)
	require.NoError(t, err)
	require.Equal(t, "tools q⟦a⟧", chatty.Shown(e))
}

// The end of a turn that is no token of the vocabulary is text, which is learned and
// ends generation.
func TestEndsWithoutTokensAreTexts(t *testing.T) {
	source, err := os.ReadFile("../../internal/jinja/testdata/headers.jinja")
	require.NoError(t, err)
	r, err := chattemplate.Recipe("m", chattemplate.Templates{Default: string(source)}, datatest.Spelled{})
	require.NoError(t, err)
	require.Empty(t, r.Ends)
	require.Equal(t, []string{"<|eot_id|>"}, r.Stop)
	e, err := datatest.Encode(datatest.Spelled{}, r, datatest.Talk("q", "a"), 512)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(datatest.Spelled{}.Shown(e), "⟦a<|eot_id|>⟧"))
}

// With LLaMA 3's tokenizer, the tokens of a layout are those of its text when names of
// control tokens become the tokens.
func TestChatTemplatesGiveTheTokensOfTheirText(t *testing.T) {
	tok, err := tokenizer.Load(filepath.Join(datatest.Shared(t), "data/tokenizers/llama3/tokenizer.model"))
	require.NoError(t, err)
	for _, name := range []string{"meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct",
		"meta-llama-Llama-3.3-70B-Instruct", "meetkai-functionary-medium-v3.1", "meetkai-functionary-medium-v3.2"} {
		source, err := os.ReadFile(filepath.Join(datatest.Shared(t), "data/tokenizers/chat_templates", name+".jinja"))
		require.NoError(t, err)
		r, err := chattemplate.Recipe(name, chattemplate.Templates{Default: string(source)}, tok)
		require.NoError(t, err)
		require.Contains(t, r.Ends, "<|eot_id|>")
		require.True(t, r.Tools)
		s, err := datatest.Load(tok, r, filepath.Join(datatest.Shared(t),
			"data/datasets/llamafactory/glaive_toolcall_en_demo.json"), data.Options{Cutoff: 1 << 20})
		require.NoError(t, err)
		require.Zero(t, s.BadRows+s.Silent)
		require.Zero(t,
			s.Report.Counts["tools-ignored"]+s.Report.Counts["end-not-learned"]+s.Report.Counts["double-bos"])
		t.Logf("%s: %d rows, %d of %d tokens learned", name, s.Rows, s.Learned, s.Tokens)
		for chat, c := range chats {
			if chat == "hostile" || chat == "with a call" || chat == "with a system" {
				continue
			}
			segments, err := r.Segments(c)
			require.NoError(t, err)
			var text strings.Builder
			for _, s := range segments {
				text.WriteString(s.Text)
			}
			e, err := datatest.Encode(tok, r, c, 1<<20)
			require.NoError(t, err)
			require.Equal(t, tok.EncodeSpecial(text.String()), e.Tokens, "%s, %s", name, chat)
			require.Equal(t, tok.BOS(), e.Tokens[0])
			require.NotContains(t, e.Tokens[1:], tok.BOS())
		}
	}
}
