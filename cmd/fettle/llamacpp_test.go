package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refereeQuestion is a request to docs/peers/llamacpp.py, which explains the fields.
type refereeQuestion struct {
	IDs    []int32 `json:"ids,omitempty"`
	Text   string  `json:"text,omitempty"`
	BOS    *bool   `json:"bos,omitempty"`
	Logits string  `json:"logits,omitempty"`
	Greedy int     `json:"greedy,omitempty"`
}

type refereeAnswer struct {
	IDs    []int32   `json:"ids"`
	Logits []float32 `json:"logits"`
	Greedy []int32   `json:"greedy"`
	Gap    []float64 `json:"gap"`
	Text   string    `json:"text"`
	Ended  bool      `json:"ended"`
}

// llamaCpp asks llama.cpp, whose libraries are in the directory that LLAMA_CPP names, about a GGUF file with LoRAs.
func llamaCpp(t *testing.T, file string, loras []string, questions ...refereeQuestion) (answers []refereeAnswer) {
	if os.Getenv("LLAMA_CPP") == "" {
		t.Skip("LLAMA_CPP does not name the directory of llama.cpp's libraries")
	}
	var in, out bytes.Buffer
	for _, q := range questions {
		require.NoError(t, json.NewEncoder(&in).Encode(q))
	}
	script := filepath.Join("..", "..", "docs", "peers", "llamacpp.py")
	cmd := exec.Command("python3", append([]string{"-P", script, file}, loras...)...)
	var complaints strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &complaints
	require.NoError(t, cmd.Run(), "%s", &complaints)
	for d := json.NewDecoder(&out); d.More(); {
		var a refereeAnswer
		require.NoError(t, d.Decode(&a))
		answers = append(answers, a)
	}
	require.Len(t, answers, len(questions))
	return answers
}

// The referee is held to what llama.cpp answered when the reference files were made: its greedy tokens, and logits as
// far from the exact ones as then. Types whose kernels differ from processor to processor are left out.
func TestLlamaCppAnswersAsRecorded(t *testing.T) {
	dir := filepath.Join(sharedData(t), "golden", "gguf")
	text, err := os.ReadFile(filepath.Join(dir, "stories260K.json"))
	require.NoError(t, err)
	var recorded map[string]struct {
		Runs []struct {
			Prompt string
			IDs    []int32
			Logits []float64 `json:"logits_f64"`
			Off    float64   `json:"llamacpp_max_diff"`
			Greedy []int32
		}
	}
	require.NoError(t, json.Unmarshal(text, &recorded))
	for _, kind := range []string{"F16", "BF16", "Q8_0"} {
		var questions []refereeQuestion
		for _, r := range recorded[kind].Runs {
			questions = append(questions, refereeQuestion{Text: r.Prompt, Logits: "last", Greedy: len(r.Greedy)})
		}
		require.NotEmpty(t, questions)
		for i, a := range llamaCpp(t, filepath.Join(dir, "stories260K."+kind+".gguf"), nil, questions...) {
			want := recorded[kind].Runs[i]
			require.Equal(t, want.IDs, a.IDs)
			require.Equal(t, want.Greedy, a.Greedy, kind)
			for j, v := range want.Logits {
				require.InDelta(t, v, a.Logits[j], 1.5*want.Off, kind)
			}
		}
	}
}
