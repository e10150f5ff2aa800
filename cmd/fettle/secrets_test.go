package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/console"
	"fettle/internal/tinymodel"
	"fettle/model/serve"
)

// locked is a buffer of several writers.
type locked struct {
	sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(p)
}

// Keys and tokens of a user are in no file and on no stream, whatever a command says of itself; prompts are in no log.
func TestSecretsAreNowhere(t *testing.T) {
	const key, token, prompt = "zzqvx-key-0123456789", "zzqvx-token-0123456789", "zzqvx prompt"
	t.Setenv("FETTLE_API_KEY", key)
	text, err := json.Marshal(serve.Secret(key))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%s %v %#v", text, serve.Secret(key), serve.Secret(key)), key)
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, token)
	}
	dir := t.TempDir()
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "home"))
	t.Setenv("TMPDIR", dir)
	base, set, out := tiny(t, tinymodel.Config{}), rows(t, 6), filepath.Join(dir, "run")
	var streams locked
	for _, args := range [][]string{
		append(training(base, set, out, "--max_steps", "2"), "--log_format", "json", "--data_cache",
			filepath.Join(dir, "c")),
		{"generate", "--adapter_name_or_path", out, "--prompt", prompt, "--max_new_tokens", "2", "--verbose"},
		{"generate", "--adapter_name_or_path", filepath.Join(dir, "none"), "--prompt", "a"},
		{"plan", "--model_name_or_path", base, "--dataset", set, "--probe", "0"},
		{"inspect", "--model_name_or_path", base, "--dataset", set, "--html", filepath.Join(dir, "page.html")},
		{"merge", "--adapter_name_or_path", out, "--output_dir", filepath.Join(dir, "merged")},
		{"version"}, {"runs", "show", out}, {"serve", "--port", "99999"}, {"train", "--lerning_rate", "1"},
	} {
		execute(args, strings.NewReader(""), &streams, &streams)
	}
	require.FileExists(t, filepath.Join(out, "adapter_model.safetensors"))
	require.NotContains(t, strings.ToLower(streams.String()), "zzqvx")

	ctx, stop := context.WithCancel(t.Context())
	root := newRoot()
	read, write := io.Pipe()
	root.SetArgs([]string{"serve", "--port", "0", "--adapter_name_or_path", out, "--log_format", "json",
		"--max_new_tokens", "2"})
	root.SetOut(io.MultiWriter(&streams, write))
	say := console.New(io.Discard, &streams)
	say.JSON(true)
	root.SetErr(say.Err())
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	line := make([]byte, 4096)
	n, err := read.Read(line)
	require.NoError(t, err)
	go io.Copy(io.Discard, read)
	_, url, _ := strings.Cut(string(line[:n]), "Chat at ")
	url, _, _ = strings.Cut(url, "/,")
	for _, c := range []struct {
		bearer, body string
		want         int
	}{
		{key, `{"messages": [{"role": "user", "content": "` + prompt + `"}]}`, http.StatusOK},
		{key, `{"messages": [{"role": "user", "content": "` + prompt + `"}], "temperature": 99}`, http.StatusBadRequest},
		{key, `{"messages": "` + prompt + `"`, http.StatusBadRequest},
		{"zzqvx-wrong", `{"messages": [{"role": "user", "content": "` + prompt + `"}]}`, http.StatusUnauthorized},
	} {
		r, err := http.NewRequest("POST", url+"/v1/chat/completions", strings.NewReader(c.body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+c.bearer)
		answer, err := (&http.Client{Timeout: longest}).Do(r)
		require.NoError(t, err)
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.Equal(t, c.want, answer.StatusCode, string(text))
		require.NotContains(t, string(text), "zzqvx-")
	}
	stop()
	<-ended
	require.NotContains(t, strings.ToLower(streams.String()), "zzqvx")
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(text)), "zzqvx", path)
		return nil
	}))
	require.Greater(t, files, 10)
}
