//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// shellScript writes a program of some commands, which fails if it is given variables of fettle's.
func shellScript(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	script := "#!/bin/sh\ncat > /dev/null\nif env | grep FETTLE_; then exit 1; fi\n" + text + "\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// fettle measures itself by its own commands, over files that it makes of the model, and reads what they print.
func TestBenchPeersMeasuresFettleBesideOthers(t *testing.T) {
	t.Setenv("FETTLE_TEST_RUN", "1") // what it starts is this program
	t.Setenv("FETTLE_INPUT", "of another command")
	t.Setenv("FETTLE_DATASET", "of another command")
	t.Setenv("FETTLE_API_KEY", "a secret")
	dir := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	python := shellScript(t, "python3", `case "$2" in *versions*) echo '{"torch": "2.15.0"}';; `+
		`*) echo '{"seconds": 0.5, "cpu_seconds": 0.25}';; esac`)
	llama := shellScript(t, "llama-bench", `echo '[{"n_prompt": 0, "n_gen": 4, "n_depth": 8, "n_threads": 1, `+
		`"samples_ns": [2000000000]}]'`)
	said := must(t, "bench", "peers", "--model", dir, "--python", python, "--llama_bench", llama, "--tokens", "8",
		"--generated", "4", "--steps", "1", "--rounds", "1", "--bits", "8,16", "--work", "step,decode", "--threads", "1",
		"--json")
	var got struct {
		Machine map[string]any
		Missing []struct{ Program string }
		Figures []struct {
			Work, Weights, Program string
			Tokens                 float64 `json:"tokens_per_second"`
			TokensCPU              float64 `json:"tokens_per_cpu_second"`
			Ratio                  float64 `json:"fettle_ratio"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(said), &got), said)
	require.NotEmpty(t, got.Machine["cpu"])
	var order []string
	for _, f := range got.Figures {
		order = append(order, fmt.Sprintf("%s %s %s", f.Work, f.Weights, f.Program))
		require.Positive(t, min(f.Tokens, f.TokensCPU, f.Ratio), f)
		switch f.Program {
		case "PyTorch":
			require.Equal(t, [2]float64{16, 32}, [2]float64{f.Tokens, f.TokensCPU})
		case "llama.cpp":
			require.Equal(t, 2.0, f.Tokens)
		}
	}
	require.Equal(t, []string{"step BF16 fettle", "step BF16 PyTorch", "decode Q8_0 fettle", "decode Q8_0 llama.cpp",
		"decode BF16 fettle", "decode F16 llama.cpp"}, order)
	require.Len(t, got.Missing, 2, "transformers, QVAC Fabric")
}

// A config may be a stranger's.
func TestFilesOfSettingsNameNoPrograms(t *testing.T) {
	dir := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	for _, key := range []string{"python", "llama_bench", "llama_finetune_lora"} {
		trace := filepath.Join(t.TempDir(), "trace")
		config := file(t, "peers.yaml", fmt.Sprintf("%s: %s\n", key, shellScript(t, "it", "touch "+trace)))
		code, _, stderr := call("", "bench", "peers", "--model", dir, "--config", config)
		require.Equal(t, exitRefused, code, stderr)
		require.Contains(t, stderr, "names a program to start: a file may not, give --"+key)
		require.NoFileExists(t, trace)
	}
}
