package serve

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesAreReadWhole(t *testing.T) {
	const call = `[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]`
	p := &parrot{}
	w := post(t, New(p, Options{}), "/v1/chat/completions", `{"messages": [
		{"role": "developer", "content": "s"},
		{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {}}]},
		{"role": "assistant", "content": null, "refusal": null, "annotations": [], "audio": null, "tool_calls": `+call+`},
		{"role": "tool", "content": "", "tool_call_id": "c1", "name": "f"},
		{"role": "assistant", "content": "words", "function_call": {"name": "g", "arguments": "{}"}},
		{"role": "function", "name": "g", "content": "r"}]}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, []Message{
		{Role: "system", Content: "s"},
		{Role: "user", Content: "ab"},
		{Role: "assistant", Calls: call},
		{Role: "tool", CallID: "c1", Name: "f"},
		{Role: "assistant", Content: "words", Calls: `[{"function": {"name": "g", "arguments": "{}"}}]`},
		{Role: "tool", Content: "r", Name: "g"},
	}, p.last.Messages)
}

// A chat template that has a system message of its own writes none, or an empty one, for an empty text.
func TestSystemMessagesMayBeEmptyAndNotMissing(t *testing.T) {
	const user = `{"role": "user", "content": "a"}`
	for _, system := range []string{`{"role": "system", "content": ""}`, `{"role": "developer", "content": ""}`} {
		p := &parrot{}
		w := post(t, New(p, Options{}), "/v1/chat/completions", `{"messages": [`+system+`, `+user+`]}`)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, []Message{{Role: "system"}, {Role: "user", Content: "a"}}, p.last.Messages)
	}
	for _, system := range []string{`{"role": "system"}`, `{"role": "system", "content": null}`} {
		w := post(t, New(&parrot{}, Options{}), "/v1/chat/completions", `{"messages": [`+system+`, `+user+`]}`)
		require.Equal(t, http.StatusBadRequest, w.Code, system)
	}
}

func TestPartsOfMessagesThatWouldBeLostAreRefused(t *testing.T) {
	for _, c := range []struct{ message, param, want string }{
		{`{"content": "a"}`, "messages[0].role", "role is missing"},
		{`{"role": "king", "content": "a"}`, "messages[0].role", `role is "king"`},
		{`{"role": 5, "content": "a"}`, "messages[0].role", "role is 5, want a text"},
		{`{"role": "user"}`, "messages[0].content", "is empty"},
		{`{"role": "user", "content": ""}`, "messages[0].content", "is empty"},
		{`{"role": "user", "content": []}`, "messages[0].content", "is empty"},
		{`{"role": "assistant", "content": null, "tool_calls": []}`, "messages[0].content", "is empty"},
		{`{"role": "user", "content": {"type": "text"}}`, "messages[0].content", "want a text or a list"},
		{`{"role": "user", "content": [{"type": "text"}]}`, "messages[0].content[0]", "has no text"},
		{`{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_audio"}]}`,
			"messages[0].content[1]", `of type "input_audio"`},
		{`{"role": "user", "content": "a", "name": "Ann"}`, "messages[0].name", "no place for the names"},
		{`{"role": "user", "content": "a", "tool_calls": [{}]}`, "messages[0].tool_calls", "role assistant"},
		{`{"role": "assistant", "tool_calls": {}}`, "messages[0].tool_calls", "want a list"},
		{`{"role": "assistant", "tool_calls": [{"type": "custom", "custom": {}}]}`, "messages[0].tool_calls",
			"not the call of a function"},
		{`{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}`,
			"messages[0].tool_calls", "want a JSON object"},
		{`{"role": "user", "content": "a", "tool_call_id": "x"}`, "messages[0].tool_call_id", "role tool"},
		{`{"role": "assistant", "content": "a", "reasoning_content": "b"}`, "messages[0].reasoning_content",
			"content only"},
		{`{"role": "assistant", "content": "a", "prefix": true}`, "messages[0].prefix", "not begun"},
		{`{"role": "user", "contents": "a"}`, "messages[0].contents", `unknown field messages[0].contents`},
	} {
		w := post(t, New(&parrot{}, Options{}), "/v1/chat/completions", `{"messages": [`+c.message+`]}`)
		require.Equal(t, http.StatusBadRequest, w.Code, c.message)
		e := parse(t, w.Body.String())["error"].(map[string]any)
		require.Contains(t, e["message"], c.want)
		require.Equal(t, c.param, e["param"], c.message)
	}
}
