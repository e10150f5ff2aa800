package main

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/model/generate"
	"fettle/model/serve"
)

// completion holds what the tests read of an answer of /v1/completions.
type completion struct {
	Choices []struct {
		Text     string
		Logprobs *struct {
			Tokens []string             `json:"tokens"`
			Values []*float64           `json:"token_logprobs"`
			Top    []map[string]float64 `json:"top_logprobs"`
			Offset []int                `json:"text_offset"`
		}
	}
}

func complete(t *testing.T, h http.Handler, request map[string]any) (c completion) {
	body, err := json.Marshal(request)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/completions", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &c))
	return c
}

// The request and the slices are those of lm-evaluation-harness's local-completions: prompts are token ids, echo, one
// new token, one logprob; of a choice it takes token_logprobs[len(context):-1], and an answer counts as greedy where
// each of them is the largest of its top_logprobs.
func TestHarnessReadsLikelihoods(t *testing.T) {
	base, run := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 8), run, "--learning_rate", "0.1")...)
	from := source{Adapter: run, Compute: "f32"}
	opened, err := from.open()
	require.NoError(t, err)
	h := serve.New(served(t, from), serve.Options{})
	tok := opened.Tokenizer
	context := opened.Raw("say a")
	likely := slices.Clone(context) // and its two most probable successors
	decoder := opened.Weights.NewSession(0)
	for at := 0; len(likely) < len(context)+2; {
		logits, err := decoder.Decode(likely[at:])
		require.NoError(t, err)
		at = len(likely)
		likely = append(likely, generate.Largest(generate.LogSoftmax(logits), 1)...)
	}
	prompts := [][]int32{opened.Raw("say a and b, then nothing"), opened.Raw("né ≤ €"), likely}
	contexts := []int{4, 3, len(context)}

	got := complete(t, h, map[string]any{
		"prompt": prompts, "echo": true, "max_tokens": 1, "temperature": 0, "logprobs": 1, "seed": 1234,
	})
	require.Len(t, got.Choices, len(prompts))
	for i, prompt := range prompts {
		labels := make([]int32, len(prompt))
		for j := range labels {
			labels[j] = -100
			if j >= contexts[i] {
				labels[j] = prompt[j]
			}
		}
		nll, err := opened.Weights.Loss(model.Pack([][]int32{prompt}, [][]int32{labels}))
		require.NoError(t, err)
		p := got.Choices[i].Logprobs
		require.Len(t, p.Values, len(prompt)+1, "one for each token of the prompt, and the one that was asked for")
		sum, best := 0.0, true
		for j := contexts[i]; j < len(p.Values)-1; j++ {
			sum += *p.Values[j]
			largest := -1e9
			for _, v := range p.Top[j] {
				largest = max(largest, v)
			}
			best = best && *p.Values[j] == largest
		}
		require.InDelta(t, -nll[0], sum, 1e-4, "prompt %d", i)
		require.Equal(t, i == 2, best, "prompt %d", i)
		require.Nil(t, p.Values[0], "nothing predicts the first token")
		require.True(t, strings.HasPrefix(got.Choices[i].Text, tok.Decode(prompt)))
	}
}

// text_offset counts characters, and the tokens at the offsets are parts of the text.
func TestOffsetsPointIntoTheText(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	h := serve.New(served(t, source{Model: base, Compute: "f32", Recipe: "alpaca-lora-short"}), serve.Options{})
	got := complete(t, h, map[string]any{"prompt": "né ≤ three", "echo": true, "max_tokens": 0, "logprobs": 2}).Choices[0]
	require.Equal(t, "né ≤ three", got.Text, "max_tokens 0 adds nothing")
	letters, p := []rune(got.Text), got.Logprobs
	require.Equal(t, 0, p.Offset[0])
	for i, name := range p.Tokens {
		if strings.HasPrefix(name, "<") { // control tokens and bytes
			continue
		}
		rest := string(letters[p.Offset[i]:])
		require.True(t, strings.HasPrefix(rest, strings.TrimPrefix(name, " ")) || strings.HasPrefix(rest, name), "%q at %q",
			name, rest)
	}
	plain := complete(t, h, map[string]any{"prompt": "né", "echo": true, "max_tokens": 2, "temperature": 0}).Choices[0]
	require.Nil(t, plain.Logprobs)
	require.True(t, strings.HasPrefix(plain.Text, "né"))
}

// A model whose products overflow has no probabilities, and JSON has no NaN.
func TestDamagedWeightsAreAnErrorOfTheServer(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	path := filepath.Join(base, "model.safetensors")
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 8 + int(binary.LittleEndian.Uint64(file)); i < len(file); i++ {
		file[i] = "\xff\xff\x7f\x7f"[i%4] // the largest float32
	}
	require.NoError(t, os.WriteFile(path, file, 0o644))
	h := serve.New(served(t, source{Model: base, Compute: "f32"}), serve.Options{})
	for _, body := range []string{`{"prompt": "a b", "max_tokens": 2}`,
		`{"prompt": "a b", "echo": true, "max_tokens": 0, "logprobs": 1}`} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/completions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusInternalServerError, w.Code, "%s: %s", body, w.Body)
	}
}
