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
	"time"

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

// longest is the longest time that a test waits for a server.
const longest = 30 * time.Second

// overHTTP runs serve until the test ends and returns its address.
func overHTTP(t *testing.T, args ...string) string {
	ctx, stop := context.WithCancel(t.Context())
	root := newRoot()
	out, in := io.Pipe()
	root.SetArgs(append([]string{"serve", "--port", "0"}, args...))
	root.SetOut(in)
	root.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() {
		ended <- root.ExecuteContext(ctx)
		in.Close()
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, train.ErrStopped)
		case <-time.After(longest):
			require.Fail(t, "the server does not end")
		}
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, lines)
	_, url, _ := strings.Cut(line, "Chat at ")
	url, _, _ = strings.Cut(url, "/,")
	return url
}

// content returns the content of a response.
func content(t *testing.T, r *http.Response, err error) string {
	require.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(text)
}

func post(t *testing.T, url, body string) string {
	r, err := (&http.Client{Timeout: longest}).Post(url, "application/json", strings.NewReader(body))
	return content(t, r, err)
}

func get(t *testing.T, url string) string {
	r, err := (&http.Client{Timeout: longest}).Get(url)
	return content(t, r, err)
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
		{[]string{"--host", "0.0.0.0", "--port", "0"}, exitRefused, "needs a key: set FETTLE_API_KEY"},
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

func TestKeysOfClientsHaveNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, []byte("# ours\r\n\nann  k:1\nk2\n"), 0o600))
	keys, err := readKeys(path)
	require.NoError(t, err)
	require.Equal(t, []serve.Key{{Name: "ann", Secret: "k:1"}, {Name: "4", Secret: "k2"}}, keys)
	for text, want := range map[string]string{
		"a b c": ":1 has 3 words", "a 1\na 2": ":2: there are two keys called a", "a 1\nb 1": ":2: the key stands twice",
		"# none": "is empty",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readKeys(path)
		require.ErrorContains(t, err, want)
	}
	t.Setenv("FETTLE_API_KEY", " sesame\n")
	keys, err = readKeys("")
	require.NoError(t, err)
	require.Equal(t, []serve.Key{{Secret: "sesame"}}, keys)
}

func TestServesBoundsAreThoseOfItsFlags(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	url := overHTTP(t, "--model_name_or_path", base, "--max_new_tokens", "3")
	require.Contains(t, post(t, url+"/v1/completions", `{"prompt": "a", "max_tokens": 4}`), "allows at most 3")
	require.Contains(t, post(t, url+"/v1/completions", `{"prompt": "a", "max_tokens": 3}`), `"choices"`)
	url = overHTTP(t, "--model_name_or_path", base)
	require.Contains(t, post(t, url+"/v1/completions", `{"prompt": "a", "max_tokens": 300}`), `"choices"`,
		"where nothing is said, the default of requests is no bound")
	proxies := []string{"10.0.0.0/8", "::ffff:127.0.0.1"}
	o, err := serveSettings{Queue: 1, Timeout: 1.5, Proxies: proxies}.options(newServe())
	require.NoError(t, err)
	require.Equal(t, 1500*time.Millisecond, o.Timeout)
	require.Equal(t, "[10.0.0.0/8 127.0.0.1/32]", fmt.Sprint(o.Proxies))
}

// counted is done as soon as it has been asked so many times.
type counted struct {
	context.Context
	left, after int
}

func (c *counted) Err() error {
	if c.left--; c.left < 0 {
		c.after++
		return context.Canceled
	}
	return nil
}

// In the middle of a prompt's first piece, between two blocks, and nothing of it changes the next answer.
func TestAClientThatGoesEndsTheReadingOfItsPrompt(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	e, fresh := served(t, source{Model: base, Compute: "f32"}), served(t, source{Model: base, Compute: "f32"})
	r := serve.Request{Model: e.Models()[0], Prompt: strings.Repeat("a b ", 50)}
	none := 0
	for _, r := range []serve.Request{r, {Model: r.Model, Prompt: r.Prompt, Echo: true, Logprobs: &none}} {
		for n := range 3 { // before the prompt, its first block, its second
			ctx := &counted{Context: t.Context(), left: n}
			result, err := e.Answer(ctx, r, func(string) error { return nil })
			require.ErrorIs(t, err, context.Canceled)
			require.Less(t, ctx.after, 5, "it ends where it learns that")
			require.Zero(t, result.NewTokens)
		}
	}
	next := serve.Request{Model: r.Model, Prompt: r.Prompt + "c"}
	want, _ := reply(t, fresh, next)
	got, _ := reply(t, e, next)
	require.Equal(t, want, got)
}
