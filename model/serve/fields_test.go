package serve

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked sends a chat with more fields and returns what the engine was asked.
func asked(t *testing.T, more string) Request {
	p := &parrot{}
	w := post(t, New(p, Options{}), "/v1/chat/completions", `{"messages": [{"role": "user", "content": "a"}]`+more+`}`)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", more, w.Body)
	return p.last
}

func TestEveryFieldThatIsCarriedOutReachesTheEngine(t *testing.T) {
	r := asked(t, `, "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125, "repetition_penalty": 1.5,
		"frequency_penalty": -2, "presence_penalty": 2.0, "logit_bias": {"15": -100, "3": 0.5}, "seed": 0,
		"stop": ["x", "yy"], "max_tokens": 5.0, "truncate": true`)
	require.Equal(t, []float64{0.5, 0.25, 0.125, 1.5, -2, 2}, []float64{*r.Temperature, *r.TopP, *r.MinP,
		*r.RepetitionPenalty, *r.FrequencyPenalty, *r.PresencePenalty})
	require.Equal(t, map[int32]float64{15: -100, 3: 0.5}, r.LogitBias)
	require.Equal(t, []string{"x", "yy"}, r.Stop)
	require.Equal(t, []int{7, 5}, []int{*r.TopK, *r.MaxTokens})
	require.Zero(t, r.Seed, "0 is a seed")
	require.True(t, r.Truncate)
	require.Equal(t, 9, *asked(t, `, "max_completion_tokens": 9`).MaxTokens)
	require.Zero(t, *asked(t, `, "top_k": -1`).TopK)
}

func TestTheServerMayTruncateChatsThatDoNotSay(t *testing.T) {
	for body, want := range map[string]bool{``: true, `, "truncate": false`: false, `, "truncate": true`: true} {
		p := &parrot{}
		s := New(p, Options{Truncate: true})
		chat := `{"messages": [{"role": "user", "content": "a"}]` + body + `}`
		require.Equal(t, http.StatusOK, post(t, s, "/v1/chat/completions", chat).Code)
		require.Equal(t, want, p.last.Truncate, body)
		require.Equal(t, http.StatusOK, post(t, s, "/v1/completions", `{"prompt": "a"}`).Code)
		require.False(t, p.last.Truncate)
	}
}

func TestValuesThatAskForNothingAreAccepted(t *testing.T) {
	plain := asked(t, `, "seed": 1`)
	for _, more := range []string{
		`"frequency_penalty": null, "logit_bias": {}, "n": 1, "stop": null, "stream": false`,
		`"response_format": {"type": "text"}, "tools": [], "tool_choice": "none", "functions": null`,
		`"logprobs": false, "top_logprobs": 0, "modalities": ["text"], "audio": null, "reasoning_effort": null`,
		`"user": "u", "metadata": {"a": "b"}, "store": true, "service_tier": "flex", "parallel_tool_calls": false`,
		`"safety_identifier": "x", "prompt_cache_key": "k", "prediction": {"type": "content", "content": "a"}`,
		`"never_heard_of": null, "typical_p": 1.0, "mirostat": 0, "ignore_eos": false, "keep_alive": "5m"`,
		`"chat_template_kwargs": {}, "add_generation_prompt": true, "length_penalty": 1, "cache_prompt": true`,
		`"stream_options": {"include_usage": true}, "logit_bias": null, "truncate": false`,
	} {
		r := asked(t, `, "seed": 1, `+more)
		require.Equal(t, plain.Messages, r.Messages)
		r.LogitBias = plain.LogitBias
		require.Equal(t, plain, r, more)
	}
}

func TestFieldsThatWouldBeIgnoredAreRefused(t *testing.T) {
	for _, c := range []struct{ field, value, want string }{
		{"response_format", `{"type": "json_schema", "json_schema": {"name": "a"}}`, "to no form of it"},
		{"response_format", `{"type": "json_object", "schema": {}}`, "type json_object has no other fields"},
		{"response_format", `"json"`, `want {\"type\": \"json_object\"}`},
		{"response_format", `{"type": null}`, `response_format is of type`},
		{"tools", `[{"type": "function", "function": {"name": "f"}}]`, "does not offer tools"},
		{"tool_choice", `"required"`, `tool_choice is "required"`},
		{"tool_choice", `{"type": "function", "function": {"name": "f"}}`, "does not offer tools"},
		{"functions", `[{"name": "f"}]`, "does not offer tools"},
		{"function_call", `{"name": "f"}`, "does not offer tools"},
		{"logprobs", `true`, "/v1/completions only"},
		{"logprobs", `0`, "/v1/completions only"},
		{"top_logprobs", `3`, "not returned"},
		{"modalities", `["text", "audio"]`, "text only"},
		{"audio", `{"voice": "x"}`, "text only"},
		{"reasoning_effort", `"high"`, "cannot be chosen"},
		{"suffix", `" end"`, "at their end only"},
		{"echo", `true`, "does not repeat it"},
		{"best_of", `3`, "best_of"},
		{"mirostat", `2`, "not implemented"},
		{"repeat_penalty", `1.1`, "called repetition_penalty"},
		{"n_predict", `5`, "called max_tokens"},
		{"chat_template", `"{{ x }}"`, "the server's"},
		{"grammar", `"root ::= x"`, "not constrained"},
		{"temprature", `1`, `did you mean \"temperature\"`},
		{"Temperature", `1`, `did you mean \"temperature\"`},
		{"zzz", `1`, "unknown field zzz"},
	} {
		w := post(t, New(&parrot{}, Options{}), "/v1/chat/completions",
			`{"messages": [{"role": "user", "content": "a"}], "`+c.field+`": `+c.value+`}`)
		require.Equal(t, http.StatusBadRequest, w.Code, "%s %s", c.field, c.value)
		e := parse(t, w.Body.String())["error"].(map[string]any)
		require.Contains(t, w.Body.String(), strings.ReplaceAll(c.want, `tool_choice is "required"`,
			`tool_choice is \"required\"`))
		require.Equal(t, c.field, e["param"])
	}
	for _, c := range []struct{ path, body, param string }{
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "a"}], "prompt": "b"}`, "prompt"},
		{"/v1/completions", `{"prompt": "b", "messages": [{"role": "user", "content": "a"}]}`, "messages"},
		{"/v1/completions", `{"prompt": "b", "truncate": true}`, "truncate"},
		{"/v1/completions", `{"prompt": "b", "max_tokens": 2, "max_completion_tokens": 3}`, "max_tokens"},
		{"/v1/completions", `{"prompt": "b", "logprobs": true}`, "logprobs"},
		{"/v1/completions", `{"prompt": "b", "logprobs": -1}`, "logprobs"},
		{"/v1/completions", `{"prompt": "b", "logprobs": 101}`, "logprobs"},
		{"/v1/completions", `{"prompt": "b", "logprobs": 1, "stream": true}`, "logprobs"},
		{"/v1/completions", `{"prompt": "b", "max_tokens": 0}`, "max_tokens"},
		{"/v1/completions", `{"prompt": "b", "n": 2, "best_of": 4}`, "best_of"},
	} {
		w := post(t, New(&parrot{}, Options{}), c.path, c.body)
		require.Equal(t, http.StatusBadRequest, w.Code, c.body)
		require.Equal(t, c.param, parse(t, w.Body.String())["error"].(map[string]any)["param"], c.body)
	}
	require.Equal(t, http.StatusOK, post(t, New(&parrot{}, Options{}), "/v1/completions",
		`{"prompt": "b", "n": 2, "best_of": 2, "echo": false, "suffix": "", "logprobs": null}`).Code)
}

func TestEchoAndLogprobsReachTheEngine(t *testing.T) {
	p := &parrot{}
	require.Equal(t, http.StatusOK, post(t, New(p, Options{}), "/v1/completions",
		`{"prompt": "b", "echo": true, "logprobs": 3, "max_tokens": 0}`).Code)
	require.True(t, p.last.Echo)
	require.Equal(t, 3, *p.last.Logprobs)
	require.Zero(t, *p.last.MaxTokens)
	require.Equal(t, http.StatusOK, post(t, New(p, Options{}), "/v1/completions",
		`{"prompt": "b", "echo": false, "logprobs": false}`).Code)
	require.False(t, p.last.Echo)
	require.Nil(t, p.last.Logprobs)
}

func TestWrongTypesAreExplainedInWords(t *testing.T) {
	for _, c := range []struct{ field, value, want string }{
		{"temperature", `"hot"`, `temperature is "hot", want a number`},
		{"temperature", `[1]`, `temperature is [1], want a number`},
		{"max_tokens", `2.5`, `max_tokens is 2.5, want a whole number`},
		{"max_tokens", `"5"`, `max_tokens is "5", want a whole number`},
		{"seed", `1.5`, `seed is 1.5, want a whole number of 64 bits`},
		{"stream", `"yes"`, `stream is "yes", want true or false`},
		{"truncate", `1`, `truncate is 1, want true or false`},
		{"stop", `{"a": 1}`, `stop is {"a": 1}, want a text or a list of texts`},
		{"model", `5`, `model is 5, want a text`},
		{"logit_bias", `[1]`, `logit_bias is [1], want numbers by token`},
		{"logit_bias", `{"a": 1}`, `logit_bias has "a": 1, want a token's number`},
		{"logit_bias", `{"5": 101}`, `logit_bias has "5": 101, want a token's number and -100 to 100`},
		{"stream_options", `true`, `stream_options is true, want {"include_usage"`},
		{"frequency_penalty", `2.5`, `frequency_penalty is 2.5, want -2 to 2`},
		{"presence_penalty", `-3`, `presence_penalty is -3, want -2 to 2`},
		{"messages", `"hello"`, `messages is "hello", want a list of`},
		{"messages", `["hello"]`, `messages is ["hello"], want a list of`},
		{"stop", `["a", null]`, `stop is ["a", null], want a text or a list of texts`},
		{"logit_bias", `{"5": null}`, `logit_bias is {"5": null}, want numbers by token`},
		{"logit_bias", `{"5": 1, "05": 2}`, `logit_bias has token 5 twice`},
		{"stream_options", `{"include_usge": true}`, `want {"include_usage"`},
	} {
		fields := `"` + c.field + `": ` + c.value
		if c.field != "messages" {
			fields += `, "messages": [{"role": "user", "content": "a"}]`
		}
		w := post(t, New(&parrot{}, Options{}), "/v1/chat/completions", "{"+fields+"}")
		require.Equal(t, http.StatusBadRequest, w.Code, fields)
		e := parse(t, w.Body.String())["error"].(map[string]any)
		require.Contains(t, e["message"], c.want)
		require.Equal(t, c.field, e["param"])
		require.NotRegexp(t, `Go |json:|struct|unmarshal`, e["message"])
	}
}

func TestFieldsThatStandTwiceAndNullPromptsAreRefused(t *testing.T) {
	for _, c := range []struct{ path, body, param string }{
		{"chat/completions", `{"messages": [{"role": "user", "content": "a"}], "seed": 1, "seed": 2}`, "seed"},
		{"chat/completions", `{"messages": [{"role": "user", "content": "a", "content": "b"}]}`, "messages[0].content"},
		{"completions", `{"prompt": "a", "logit_bias": {"7": 1, "7": -1}}`, "logit_bias.7"},
		{"completions", `{"prompt": "a", "prompt": null}`, "prompt"},
		{"completions", `{"prompt": ["a", null]}`, "prompt"},
		{"completions", `{"prompt": [1, null]}`, "prompt"},
		{"completions", `{"prompt": [[1], [2, null]]}`, "prompt"},
	} {
		w := post(t, New(&parrot{}, Options{}), "/v1/"+c.path, c.body)
		require.Equal(t, http.StatusBadRequest, w.Code, c.body)
		require.Equal(t, c.param, parse(t, w.Body.String())["error"].(map[string]any)["param"], c.body)
	}
	asked(t, `, "metadata": {"seed": "a", "user": "b"}, "user": "c", "seed": 1`)
}

func TestSeedsAreDrawnReturnedAndCounted(t *testing.T) {
	seeds := map[any]bool{}
	p := &parrot{}
	s := New(p, Options{})
	for range 20 {
		got := parse(t, post(t, s, "/v1/completions", `{"prompt": "a"}`).Body.String())
		require.EqualValues(t, p.last.Seed, got["seed"])
		seeds[got["seed"]] = true
	}
	require.Greater(t, len(seeds), 15, "drawn anew")
	for _, seed := range []string{"0", "7", "-1", "9007199254740991"} {
		require.Contains(t, post(t, s, "/v1/completions", `{"prompt": "a", "seed": `+seed+`}`).Body.String(),
			`"seed":`+seed)
	}
	fixed := uint64(5)
	s5 := New(p, Options{Seed: &fixed})
	require.Contains(t, post(t, s5, "/v1/completions", `{"prompt": "a"}`).Body.String(), `"seed":5`)

	body := `{"prompt": ["a", "b"], "n": 3, "seed": 10}`
	got := parse(t, post(t, s, "/v1/completions", body).Body.String())
	require.Len(t, got["choices"], 6)
	require.EqualValues(t, 10, got["seed"])
	require.EqualValues(t, 15, p.last.Seed, "every choice has its own")
	require.EqualValues(t, 14, got["usage"].(map[string]any)["prompt_tokens"], "each prompt counts once")
	stream := post(t, s, "/v1/completions", `{"prompt": ["a", "b"], "n": 3, "seed": 10, "stream": true}`).Body.String()
	for _, part := range []string{`"index":0,"text":"a"`, `"index":5,"text":"b"`, `"seed":10`, "data: [DONE]"} {
		require.Contains(t, stream, part)
	}
}

func TestTheDocumentationListsTheFields(t *testing.T) {
	text, err := os.ReadFile("../../docs/API.md")
	require.NoError(t, err)
	for name := range (&body{}).fields() {
		require.Contains(t, string(text), "`"+name+"`")
	}
	for name := range (&message{}).fields() {
		if name != "role" {
			require.Contains(t, string(text), "`"+name+"`")
		}
	}
	for _, o := range others() {
		if o.harmless {
			require.Contains(t, string(text), "`"+o.name+"`")
		}
	}
}
