package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model/chat"
	"fettle/model/serve"
)

// dialogue makes messages of role: content.
func dialogue(turns ...string) (all []serve.Message) {
	for _, turn := range turns {
		role, content, _ := strings.Cut(turn, ": ")
		all = append(all, serve.Message{Role: role, Content: content})
	}
	return all
}

func TestAChatIsRenderedWholeOrRefused(t *testing.T) {
	long := strings.Repeat("some words ", 30)
	plain := tiny(t, tinymodel.Config{})
	vicuna := served(t, source{Model: plain, Recipe: "vicuna", Compute: "f32"})
	alpaca := served(t, source{Model: plain, Recipe: "alpaca", Compute: "f32"})
	many := []string{"system: s"}
	for range 4 {
		many = append(many, "user: "+long, "assistant: ok")
	}
	many = append(many, "user: the last")
	five, all := 5, 500
	for _, c := range []struct {
		name  string
		e     *chat.Engine
		r     serve.Request
		param string
		want  string
	}{
		{"a system message in the middle", vicuna, serve.Request{Messages: dialogue("user: a", "assistant: b",
			"system: c", "user: d")}, "messages[2]", "one system message, the first message"},
		{"two system messages", alpaca, serve.Request{Messages: dialogue("system: a", "system: b", "user: c")},
			"messages[1]", "recipe alpaca has a place for one system message"},
		{"a history for single instructions", alpaca, serve.Request{Messages: dialogue("user: a", "assistant: b",
			"user: c")}, "messages", "takes one instruction and knows no history, the chat has 3 messages"},
		{"a tool's result", vicuna, serve.Request{Messages: dialogue("user: a", "tool: b")}, "messages[1]",
			"no place for tool calls"},
		{"a tool call", vicuna, serve.Request{Messages: []serve.Message{{Role: "user", Content: "a"},
			{Role: "assistant", Calls: `[{"name": "f", "arguments": {}}]`}, {Role: "user", Content: "b"}}}, "messages[1]",
			"no place for tool calls"},
		{"an empty message", vicuna, serve.Request{Messages: dialogue("user: ")}, "messages[0]", "it is empty"},
		{"an answer at the end", vicuna, serve.Request{Messages: dialogue("user: a", "assistant: b")}, "messages[1]",
			"the last message must be the user's"},
		{"no question", vicuna, serve.Request{Messages: dialogue("system: a")}, "messages", "no message of the user's"},
		{"a long history", vicuna, serve.Request{Messages: dialogue(many...)}, "messages",
			"tokens, the model's context is 512; \"truncate\": true"},
		{"a long answer", vicuna, serve.Request{Messages: dialogue("user: a"), MaxTokens: &all}, "max_tokens",
			"and the answer may have 500, together more than the model's context of 512: ask for at most"},
		{"a long text", vicuna, serve.Request{Prompt: strings.Repeat(long, 9)}, "prompt", "the model's context is 512"},
		{"a long continuation", vicuna, serve.Request{Prompt: long, MaxTokens: &all}, "max_tokens", "ask for at most"},
		{"a bias outside", vicuna, serve.Request{Prompt: "a", LogitBias: map[int32]float64{9999: 1}}, "logit_bias",
			"token 9999 is outside the vocabulary"},
	} {
		c.r.Model = c.e.Models()[0]
		_, err := c.e.Answer(t.Context(), c.r, func(string) error { return nil })
		var wrong serve.Wrong
		require.ErrorAs(t, err, &wrong, c.name)
		require.Contains(t, wrong.Message, c.want, c.name)
		require.Equal(t, c.param, wrong.Param, c.name)
	}

	// truncate leaves out the oldest messages and counts them.
	for _, c := range []struct {
		name string
		e    *chat.Engine
		r    serve.Request
		same serve.Request // gives the same prompt
		left int
	}{
		{"a long history", vicuna, serve.Request{Messages: dialogue(many...)},
			serve.Request{Messages: dialogue("system: s", "user: the last")}, 8},
		{"a history for single instructions", alpaca, serve.Request{Messages: dialogue("system: s", "user: a",
			"assistant: b", "user: c")}, serve.Request{Messages: dialogue("system: s", "user: c")}, 2},
		{"all of it fits", vicuna, serve.Request{Messages: dialogue("user: a", "assistant: b", "user: c")},
			serve.Request{Messages: dialogue("user: a", "assistant: b", "user: c")}, 0},
	} {
		c.r.Model, c.r.Truncate, c.r.MaxTokens = c.e.Models()[0], true, &five
		if c.name == "a long history" {
			c.r.MaxTokens = &all
		}
		c.same.Model, c.same.MaxTokens = c.r.Model, &five
		_, got := reply(t, c.e, c.r)
		_, want := reply(t, c.e, c.same)
		require.Equal(t, c.left, got.LeftOut, c.name)
		require.Equal(t, want.PromptTokens, got.PromptTokens, c.name)
	}
}

// Templates have places for system messages anywhere, and for tool calls or their text.
func TestTemplatesRenderEveryMessage(t *testing.T) {
	const tools = `{{ bos_token }}{% for m in messages %}{{ '<|head|>' + m.role + '<|/head|>' }}` +
		`{% if m.tool_calls is defined %}{{ 'CALL ' + m.tool_calls[0].function.name + ' ' + ` +
		`m.tool_calls[0].function.arguments.city }}{% else %}{{ m.content }}{% endif %}{{ '<|end|>' }}{% endfor %}` +
		`{% if add_generation_prompt %}{{ '<|head|>assistant<|/head|>' }}{% endif %}`
	call := `[{"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]`
	for name, template := range map[string]string{"with calls": tools, "without": chatJinja} {
		e := served(t, source{Model: chatty(t, template), Compute: "f32"})
		count := func(messages ...serve.Message) int {
			_, result := reply(t, e, serve.Request{Model: e.Models()[0], Messages: messages})
			return result.PromptTokens
		}
		ask, tool := dialogue("user: weather?")[0], serve.Message{Role: "tool", Content: "rain", CallID: "a"}
		bare := count(ask, serve.Message{Role: "assistant", Content: "x"}, tool)
		require.Greater(t, count(ask, serve.Message{Role: "assistant", Calls: call}, tool), bare+5, name)
		require.Greater(t, count(dialogue("user: a", "assistant: b", "system: c", "user: d")...),
			count(dialogue("user: a", "assistant: b", "user: d")...), "%s: a system message where it stands", name)
	}
}

func TestModelsHaveNamesOfTheirOwn(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	require.NoError(t, os.Rename(asPEFT(t, base, base), filepath.Join(base, "moved")))
	parent := t.TempDir()
	for _, c := range []struct {
		base, adapter string
		want          []string
	}{
		{"llama", "mine", []string{"mine", "base"}},
		{"llama", "base", []string{"base", "llama"}},
		{"base", "mine", []string{"mine", "base"}},
		{"base", "a/base", []string{"base", "base model"}},
		{"llama", "a/llama", []string{"llama", "base"}},
	} {
		dir := filepath.Join(parent, strings.ReplaceAll(c.base+c.adapter, "/", "-"))
		model, adapter := filepath.Join(dir, c.base), filepath.Join(dir, c.adapter)
		require.NoError(t, os.MkdirAll(filepath.Dir(adapter), 0o755))
		require.NoError(t, os.CopyFS(model, os.DirFS(base)))
		require.NoError(t, os.CopyFS(adapter, os.DirFS(filepath.Join(base, "moved"))))
		e := served(t, source{Model: model, Adapter: adapter, Compute: "f32"})
		require.Equal(t, c.want, e.Models(), "%+v", c)
		one, _ := reply(t, e, serve.Request{Model: c.want[0], Prompt: "ab"})
		two, _ := reply(t, e, serve.Request{Model: c.want[1], Prompt: "ab"})
		require.NotEmpty(t, one+two)
	}
	url := overHTTP(t, "--model_name_or_path", base, "--adapter_name_or_path", filepath.Join(base, "moved"))
	var list struct{ Data []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(get(t, url+"/v1/models")), &list))
	require.Len(t, list.Data, 2)
}
