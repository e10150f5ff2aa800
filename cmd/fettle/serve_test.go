package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model/chat"
	"fettle/model/serve"
	"fettle/train"
)

// served opens a model as serve does.
func served(t *testing.T, from source) *chat.Engine {
	require.NoError(t, from.complete())
	sampling := chat.DefaultSampling()
	sampling.Temperature, sampling.MaxNewTokens = 0, 6
	e, err := engineOf([]named{{source: from}}, sampling, func(string) bool { return true }, io.Discard)
	require.NoError(t, err)
	return e
}

func reply(t *testing.T, e *chat.Engine, r serve.Request) (string, serve.Result) {
	var b strings.Builder
	result, err := e.Answer(t.Context(), r, func(text string) error {
		b.WriteString(text)
		return nil
	})
	require.NoError(t, err)
	return b.String(), result
}

func TestServeAnswersAsGenerateDoes(t *testing.T) {
	base, run := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 8), run, "--learning_rate", "0.3")...)
	e := served(t, source{Adapter: run, Compute: "f32"})
	require.Equal(t, []string{"run", "base"}, e.Models())
	ask := func(model, text string) string {
		said, result := reply(t, e, serve.Request{Model: model,
			Messages: []serve.Message{{Role: "user", Content: text}}})
		require.Positive(t, result.PromptTokens)
		return said
	}
	generate := func(more ...string) string {
		said := must(t, append([]string{"generate", "--max_new_tokens", "6", "--temperature", "0", "--compute", "f32",
			"--recipe", "alpaca-lora-short"}, more...)...)
		return strings.TrimSuffix(said, "\n")
	}
	for _, text := range []string{"say a", "say b", "say a", "say a and b"} { // reused tokens change nothing
		require.Equal(t, generate("--adapter_name_or_path", run, "--prompt", text), ask("run", text))
		require.Equal(t, generate("--model_name_or_path", base, "--prompt", text), ask("base", text))
	}
	said, _ := reply(t, e, serve.Request{Model: "base", Prompt: "ab"})
	require.Equal(t, must(t, "generate", "--model_name_or_path", base, "--raw", "--prompt", "ab", "--max_new_tokens",
		"6", "--temperature", "0", "--compute", "f32"), said)
}

func TestServeExplainsWrongRequests(t *testing.T) {
	e := served(t, source{Model: tiny(t, tinymodel.Config{})})
	name := e.Models()[0]
	for _, c := range []struct {
		r    serve.Request
		want string
	}{
		{serve.Request{Messages: []serve.Message{{Role: "user", Content: "a"}}}, "no prompt for chats"},
		{serve.Request{Prompt: strings.Repeat("long ", 600)}, "the model's context is 512"},
		{serve.Request{Tokens: []int32{1, 5000}}, "token 5000 is outside"},
		{serve.Request{Tokens: []int32{-1}}, "token -1 is outside"},
		{serve.Request{Tokens: []int32{}}, "no tokens"},
	} {
		c.r.Model = name
		_, err := e.Answer(t.Context(), c.r, func(string) error { return nil })
		var wrong serve.Wrong
		require.True(t, errors.As(err, &wrong), "%v", err)
		require.Contains(t, wrong.Message, c.want)
	}
}

// overHTTP runs serve until the test ends and returns its address.
func overHTTP(t *testing.T, args ...string) string {
	ctx, stop := context.WithCancel(t.Context())
	root := newRoot()
	out, in := io.Pipe()
	root.SetArgs(append([]string{"serve", "--port", "0"}, args...))
	root.SetOut(in)
	root.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, <-ended, train.ErrStopped)
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, lines)
	_, url, _ := strings.Cut(line, "Chat at ")
	url, _, _ = strings.Cut(url, "/,")
	return url
}

func post(t *testing.T, url, body string) string {
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return string(text)
}

func get(t *testing.T, url string) string {
	r, err := http.Get(url)
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return string(text)
}

func TestServeOverHTTP(t *testing.T) {
	url := overHTTP(t, "--model_name_or_path", tiny(t, tinymodel.Config{}), "--recipe", "alpaca", "--max_tokens", "3")
	require.Contains(t, post(t, url+"/v1/chat/completions",
		`{"messages": [{"role": "user", "content": "a"}], "stream": true}`), "data: [DONE]")
}

// Concurrent requests of different lengths get the same answers as one by one: nothing
// is padded, and the cached state of an earlier request changes no bit.
func TestT27ManyClientsAreAnsweredAsOne(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	url := overHTTP(t, "--model_name_or_path", base, "--max_tokens", "8", "--temperature", "0", "--compute", "f32")
	prompts := []string{"a", "ab", "a long one that goes on", "b", "ab and more", "zz"}
	want := make([]string, len(prompts))
	for i, p := range prompts {
		want[i] = must(t, "generate", "--model_name_or_path", base, "--raw", "--prompt", p, "--max_new_tokens", "8",
			"--temperature", "0", "--compute", "f32")
	}
	got := make([]string, 2*len(prompts))
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			var answer struct{ Choices []struct{ Text string } }
			text := post(t, url+"/v1/completions", fmt.Sprintf(`{"prompt": %q}`, prompts[i%len(prompts)]))
			if json.Unmarshal([]byte(text), &answer) == nil && len(answer.Choices) == 1 {
				got[i] = answer.Choices[0].Text
			} else {
				got[i] = text
			}
		})
	}
	all.Wait()
	require.Equal(t, append(want, want...), got)
}

func TestServerOnAllAddressesIsNamedByOneThatOpens(t *testing.T) {
	for host, want := range map[string]string{"0.0.0.0": "127.0.0.1:80", "::": "127.0.0.1:80", "::1": "[::1]:80",
		"10.0.0.7": "10.0.0.7:80"} {
		require.Equal(t, want, openable(&net.TCPAddr{IP: net.ParseIP(host), Port: 80}))
	}
}

func TestServeRefusesAnOpenAddressWithoutAKey(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	empty := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--host", "0.0.0.0", "--port", "0"}, exitRefused, "needs a token: set FETTLE_API_KEY"},
		{[]string{"--api_key_file", empty}, exitData, "is empty"},
		{[]string{"--api_key_file", "none"}, exitMissing, "none"},
		{[]string{"--port", "70000"}, exitUsage, "port is 70000"},
		{[]string{"--host", "999.1.1.1"}, exitUsage, "999.1.1.1"},
		{[]string{"--port", "0", "--adapter_name_or_path", "none"}, exitMissing, "none"},
	} {
		code, _, stderr := call("", append([]string{"serve", "--model_name_or_path", base}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Contains(t, stderr, c.want)
	}
}
