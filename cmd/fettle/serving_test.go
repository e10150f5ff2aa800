package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestServeAnswersWithSeveralAdaptersByName(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{}), t.TempDir()
	one, two := filepath.Join(dir, "one", "run"), filepath.Join(dir, "two", "run")
	must(t, training(base, rows(t, 8), one, "--learning_rate", "0.3")...)
	must(t, training(base, rows(t, 8), two, "--learning_rate", "0.2", "--quantization", "int8")...)
	url := overHTTP(t, "--adapter_name_or_path", one, "--adapter_name_or_path", two, "--adapter_name_or_path", "mine="+one,
		"--temperature", "0", "--compute", "f32", "--max_new_tokens", "6", "--recipe", "alpaca-lora-short")
	var list struct {
		Data []struct {
			ID, Parent string
			Created    int64
			Context    int `json:"max_model_len"`
			Defaults   struct {
				Temperature float64
				MaxTokens   int `json:"max_tokens"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, url+"/v1/models")), &list))
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID+" < "+m.Parent)
		require.Positive(t, m.Created, m.ID)
		require.Equal(t, 512, m.Context, m.ID)
		require.Zero(t, m.Defaults.Temperature, m.ID)
		require.Equal(t, 6, m.Defaults.MaxTokens, m.ID)
	}
	bare := filepath.Base(base)
	require.Equal(t, []string{"run < base", "two/run < " + bare, "mine < base", "base < ", bare + " < "}, names,
		"the base of int8 is a model of its own")
	for name, args := range map[string][]string{
		"run": {"--adapter_name_or_path", one}, "mine": {"--adapter_name_or_path", one},
		"two/run": {"--adapter_name_or_path", two}, "base": {"--model_name_or_path", base},
		bare: {"--model_name_or_path", base, "--quantization", "int8"},
	} {
		want := must(t, append([]string{"generate", "--max_new_tokens", "6", "--temperature", "0", "--compute", "f32",
			"--recipe", "alpaca-lora-short", "--prompt", "say a"}, args...)...)
		var answer struct {
			Model   string
			Choices []struct{ Message struct{ Content string } }
		}
		text := post(t, url+"/v1/chat/completions", `{"model": "`+name+`", "messages":
			[{"role": "user", "content": "say a"}]}`)
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		require.Equal(t, name, answer.Model)
		require.Equal(t, strings.TrimSuffix(want, "\n"), answer.Choices[0].Message.Content, name)
	}
	require.Contains(t, post(t, url+"/v1/chat/completions", `{"model": "run", "messages":
		[{"role": "user", "content": "`+strings.Repeat("long ", 600)+`"}]}`), `"code":"context_length_exceeded"`)
	require.Contains(t, post(t, url+"/v1/completions", `{"model": "gpt-4"}`), `"code":"model_not_found"`)

	code, _, stderr := call("", "serve", "--port", "0", "--adapter_name_or_path", "a="+one,
		"--adapter_name_or_path", "a="+two)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "two models are called a: name them")
	odd := filepath.Join(dir, "x=y")
	require.NoError(t, os.Rename(one, odd))
	sources, err := servedModels{Adapters: []string{odd}}.sources(newServe())
	require.NoError(t, err)
	require.Equal(t, odd, sources[0].Adapter, "a path that exists as it stands")
}

func TestServeHoldsAnswersToJSON(t *testing.T) {
	url := overHTTP(t, "--model_name_or_path", tiny(t, tinymodel.Config{}), "--recipe", "alpaca", "--compute", "f32")
	ended := map[string]int{}
	for seed := range 12 {
		var answer struct {
			Choices []struct {
				Message struct{ Content string }
				Reason  string `json:"finish_reason"`
			}
		}
		text := post(t, url+"/v1/chat/completions", fmt.Sprintf(`{"messages": [{"role": "user", "content": "a"}],
			"response_format": {"type": "json_object"}, "max_tokens": 100, "seed": %d, "temperature": 2, "top_p": 1,
			"logit_bias": {"%d": 8, "%d": 8}}`, seed, '"'+3, '}'+3)) // bytes follow three control tokens
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		said := answer.Choices[0].Message.Content
		require.Equal(t, "{", strings.TrimSpace(said)[:1], said)
		require.Equal(t, answer.Choices[0].Reason == "stop", json.Valid([]byte(said)), text)
		ended[answer.Choices[0].Reason]++
	}
	require.Positive(t, ended["stop"])
}
