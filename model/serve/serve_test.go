package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parrot repeats its last message, letter by letter.
type parrot struct {
	last    Request
	hold    chan struct{} // if not nil, answers wait for it
	done    chan error    // if not nil, gets how an answer ended
	endless bool          // it goes on
}

func (p *parrot) Models() []string { return []string{"parrot", "base"} }

func (p *parrot) Card(name string) Card {
	if name == "base" {
		return Card{Recipe: "alpaca", Single: true, Context: 64, Made: time.Unix(7, 0)}
	}
	return Card{Base: "base", Adapter: "lora", Recipe: "vicuna", Context: 64, Made: time.Unix(8, 0)}
}

func (p *parrot) Answer(ctx context.Context, r Request, emit func(string) error) (Result, error) {
	p.last = r
	text := r.Prompt
	if r.Messages != nil {
		text = r.Messages[len(r.Messages)-1].Content
	}
	switch text {
	case "wrong":
		return Result{}, Wrong{"messages", "that was wrong"}
	case "fault":
		panic("secret prompt")
	case "broken":
		emit("half")
		return Result{}, errors.New("secret reason")
	}
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
		}
	}
	if p.endless {
		text = strings.Repeat(text, 10_000_000)
	}
	n := 0
	for _, c := range text {
		if err := errors.Join(context.Cause(ctx), emit(string(c))); err != nil {
			if p.done != nil {
				p.done <- err
			}
			return Result{}, err
		}
		n++
	}
	return Result{PromptTokens: 7, NewTokens: n, Cut: r.MaxTokens != nil}, nil
}

func parse(t *testing.T, text string) map[string]any {
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

func TestAnswersAChat(t *testing.T) {
	p := &parrot{}
	w := post(t, New(p, Options{}), "/v1/chat/completions", `{"messages": [{"role": "developer", "content": "be brief"},
		{"role": "user", "content": [{"type": "text", "text": "hé"}]}],
		"temperature": 0, "seed": -1, "stop": "x", "user": "who", "max_completion_tokens": 5}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	got := parse(t, w.Body.String())
	require.Equal(t, "chat.completion", got["object"])
	require.Equal(t, "parrot", got["model"])
	require.Equal(t, []any{map[string]any{
		"index": 0.0, "finish_reason": "length", "message": map[string]any{"role": "assistant", "content": "hé"},
	}}, got["choices"])
	require.Equal(t, map[string]any{"prompt_tokens": 7.0, "completion_tokens": 2.0, "total_tokens": 9.0}, got["usage"])
	require.Equal(t, []Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "hé"}}, p.last.Messages)
	require.Zero(t, *p.last.Temperature, "0 differs from an absent value")
	require.Nil(t, p.last.TopP)
	require.Equal(t, []string{"x"}, p.last.Stop)
	require.Equal(t, 5, *p.last.MaxTokens)
}

func TestCompletesTexts(t *testing.T) {
	p := &parrot{}
	s := New(p, Options{})
	got := parse(t, post(t, s, "/v1/completions", `{"model": "base", "prompt": ["ab", "c"]}`).Body.String())
	require.Equal(t, "text_completion", got["object"])
	require.Equal(t, []any{
		map[string]any{"index": 0.0, "finish_reason": "stop", "text": "ab"},
		map[string]any{"index": 1.0, "finish_reason": "stop", "text": "c"},
	}, got["choices"])
	require.Equal(t, map[string]any{"prompt_tokens": 14.0, "completion_tokens": 3.0, "total_tokens": 17.0}, got["usage"])
	require.Equal(t, http.StatusOK, post(t, s, "/v1/completions", `{"prompt": [1, 2, 3]}`).Code)
	require.Equal(t, []int32{1, 2, 3}, p.last.Tokens)
	require.Equal(t, http.StatusOK, post(t, s, "/v1/completions", `{"prompt": [[4], [5]]}`).Code)
	require.Equal(t, []int32{5}, p.last.Tokens)
	require.Equal(t, http.StatusOK, post(t, s, "/v1/completions", `{}`).Code, "from nothing")
}

func TestStreams(t *testing.T) {
	w := post(t, New(&parrot{}, Options{}), "/v1/chat/completions", `{"messages": [{"role": "user", "content": "hé\n"}],
		"stream": true, "stream_options": {"include_usage": true}}`)
	require.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
	var said, finish strings.Builder
	var usage any
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n\n")
	require.Equal(t, "data: [DONE]", lines[len(lines)-1])
	for i, line := range lines[:len(lines)-1] {
		event := parse(t, strings.TrimPrefix(line, "data: "))
		require.Equal(t, "chat.completion.chunk", event["object"])
		choices := event["choices"].([]any)
		if len(choices) == 0 {
			usage = event["usage"]
			continue
		}
		choice := choices[0].(map[string]any)
		delta := choice["delta"].(map[string]any)
		if i == 0 {
			require.Equal(t, "assistant", delta["role"])
		}
		if text, ok := delta["content"].(string); ok {
			said.WriteString(text)
		}
		if reason, ok := choice["finish_reason"].(string); ok {
			finish.WriteString(reason)
		}
	}
	require.Equal(t, "hé\n", said.String())
	require.Equal(t, "stop", finish.String())
	require.Equal(t, map[string]any{"prompt_tokens": 7.0, "completion_tokens": 3.0, "total_tokens": 10.0}, usage)

	w = post(t, New(&parrot{}, Options{}), "/v1/completions", `{"prompt": "hi", "stream": true}`)
	require.Contains(t, w.Body.String(), `"text":"h"`)
	w = post(t, New(&parrot{}, Options{}), "/v1/completions", `{"prompt": "broken", "stream": true}`)
	require.Contains(t, w.Body.String(), `data: {"error":{"message":"the answer could not be computed`)
	require.NotContains(t, w.Body.String(), "[DONE]")
	require.NotContains(t, w.Body.String(), "secret")
}

func TestListsModels(t *testing.T) {
	s := New(&parrot{}, Options{})
	get := func(path string) *httptest.ResponseRecorder {
		return answer(t, s, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
	}
	defaults := `"defaults": {"max_tokens": 0, "temperature": 0, "top_p": 0, "top_k": 0, "min_p": 0,
		"repetition_penalty": 0, "frequency_penalty": 0, "presence_penalty": 0}`
	require.JSONEq(t, `{"object": "list", "data": [
		{"id": "parrot", "object": "model", "created": 8, "owned_by": "fettle", "parent": "base", "adapter": "lora",
			"recipe": "vicuna", "single_turns": false, "max_model_len": 64, `+defaults+`},
		{"id": "base", "object": "model", "created": 7, "owned_by": "fettle", "recipe": "alpaca", "single_turns": true,
			"max_model_len": 64, `+defaults+`}]}`,
		get("/v1/models").Body.String())
	require.Equal(t, http.StatusOK, get("/v1/models/base").Code)
	require.Equal(t, http.StatusNotFound, get("/v1/models/gpt-4").Code)
	require.Equal(t, http.StatusOK, get("/health").Code)
}

func TestRoutesAreTheListedOnes(t *testing.T) {
	s := New(&parrot{}, Options{})
	require.Equal(t, []string{
		"/", "GET /health", "GET /v1/models", "GET /v1/models/{model...}", "GET /{$}", "GET /{file}",
		"POST /v1/chat/completions", "POST /v1/completions",
	}, slices.Sorted(maps.Keys(s.routes())), "nothing that loads, changes or deletes")
}

func TestWrongRequestsGetErrorsInOpenAIsShape(t *testing.T) {
	chat := func(more string) string { return `{"messages": [{"role": "user", "content": "a"}]` + more + `}` }
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/chat/completions", `{`, 400, "the body is not JSON: it ends in the middle of a value"},
		{"/v1/chat/completions", "", 400, "the body is empty, want a JSON object"},
		{"/v1/chat/completions", " \n", 400, "the body is empty, want a JSON object"},
		{"/v1/chat/completions", `[]`, 400, "the body is a JSON array"},
		{"/v1/chat/completions", `1`, 400, "the body is a JSON number"},
		{"/v1/chat/completions", `"a"`, 400, "the body is a JSON string"},
		{"/v1/chat/completions", `true`, 400, "the body is a JSON bool"},
		{"/v1/chat/completions", `null`, 400, "the body is null, want a JSON object"},
		{"/v1/completions", ` null `, 400, "the body is null, want a JSON object"},
		{"/v1/completions", "\ufeff{}", 400, "the body is not JSON"},
		{"/v1/completions", `{}{}`, 400, "something follows"},
		{"/v1/completions", `{}]`, 400, "something follows"},
		{"/v1/completions", "{\"prompt\": \"\xff\"}", 400, "not encoded in UTF-8"},
		{"/v1/completions", `{"prompt": "a", "prompt": "b"}`, 400, "prompt stands twice"},
		{"/v1/completions", `{"prompt": [1, 4294967296]}`, 400, "neither a text nor tokens"},
		{"/v1/chat/completions", chat("") + `x`, 400, "something follows"},
		{"/v1/chat/completions", strings.Repeat("[", 20000), 400, "the body is not JSON"},
		{"/v1/chat/completions", `{}`, 400, "messages is missing"},
		{"/v1/chat/completions", `{"messages": [{"role": "king", "content": "a"}]}`, 400, `role is \"king\"`},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}`, 400,
			`of type \"image_url\", this server reads`},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": [{"Type": "text", "TEXT": "a"}]}]}`, 400,
			`content[0] is of type none, this server reads`},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": 5}]}`, 400,
			"content is 5, want a text or a list"},
		{"/v1/chat/completions", chat(`, "model": "gpt-4"`), 404, "there is parrot, base"},
		{"/v1/chat/completions", chat(`, "max_tokens": 0`), 400, "max_tokens is 0"},
		{"/v1/chat/completions", chat(`, "max_tokens": 99999999999999999999`), 400, "want a whole number"},
		{"/v1/chat/completions", chat(`, "temperature": -1`), 400, "temperature is -1"},
		{"/v1/chat/completions", chat(`, "temperature": 9`), 400, "temperature is 9, want 0 to 2"},
		{"/v1/chat/completions", chat(`, "temperature": 1e308`), 400, "temperature is 1e+308"},
		{"/v1/chat/completions", chat(`, "temperature": 1e999`), 400, "temperature is 1e999, want a number"},
		{"/v1/chat/completions", chat(`, "temperature": NaN`), 400, "the body is not JSON"},
		{"/v1/chat/completions", chat(`, "top_p": 0`), 400, "top_p is 0"},
		{"/v1/chat/completions", chat(`, "top_k": -2`), 400, "top_k is -2"},
		{"/v1/chat/completions", chat(`, "n": 65`), 400, "n is 65, want 1 to 64"},
		{"/v1/chat/completions", chat(`, "logprobs": true`), 400, "logprobs is true: probabilities"},
		{"/v1/chat/completions", chat(`, "echo": true`), 400, "echo is true: the answer"},
		{"/v1/chat/completions", chat(`, "stop": 5`), 400, "stop is 5, want a text or a list of texts"},
		{"/v1/chat/completions", chat(`, "tools": [{}]`), 400, "does not offer tools"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "wrong"}]}`, 400, "that was wrong"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "wrong"}], "stream": true}`, 400,
			"that was wrong"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "fault"}]}`, 500,
			"a fault of the server"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "broken"}]}`, 500,
			"could not be computed"},
		{"/v1/completions", `{"prompt": {}}`, 400, "neither a text nor tokens"},
		{"/v1/completions", `{"prompt": []}`, 400, "0 prompts"},
		{"/v1/completions", `{"prompt": "a", "echo": 1}`, 400, "echo is 1, want true or false"},
		{"/v1/embeddings", `{}`, 404, "there is no POST /v1/embeddings"},
	} {
		w := post(t, New(&parrot{}, Options{}), c.path, c.body)
		name := c.body[:min(len(c.body), 100)]
		require.Equal(t, c.status, w.Code, name)
		require.Contains(t, w.Body.String(), c.want, name)
		require.NotContains(t, w.Body.String(), "secret", name)
		e := parse(t, w.Body.String())["error"].(map[string]any)
		require.NotEmpty(t, e["type"], name)
		require.Contains(t, e, "param")
		require.Contains(t, e, "code")
	}
}

// FuzzRequests holds that any body is answered with 200 or 4xx.
func FuzzRequests(f *testing.F) {
	f.Add("/v1/chat/completions", `{"messages": [{"role": "user", "content": "a"}], "stream": true}`)
	f.Add("/v1/completions", `{"prompt": [1, 2], "max_tokens": 3, "stop": ["a"], "seed": -9223372036854775808}`)
	f.Add("/v1/completions", `{"prompt": [[1], []], "top_k": -1, "model": ""}`)
	s := New(fine{}, Options{})
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "/v1/completions" {
			path = "/v1/chat/completions"
		}
		w := post(t, s, path, body)
		require.True(t, w.Code == http.StatusOK || w.Code >= 400 && w.Code < 500, "%d: %s", w.Code, w.Body)
	})
}

type fine struct{}

func (fine) Models() []string { return []string{"fine"} }
func (fine) Card(string) Card { return Card{} }
func (fine) Answer(_ context.Context, r Request, emit func(string) error) (Result, error) {
	return Result{}, emit(fmt.Sprint(r))
}
