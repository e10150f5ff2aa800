package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// With log_format json every line of a log is JSON, whatever part of the program says it.
func TestEveryLineIsJSON(t *testing.T) {
	base, set, dir := tiny(t, tinymodel.Config{}), rows(t, 12), t.TempDir()
	run := filepath.Join(dir, "run")
	for _, c := range []struct {
		name   string
		code   int
		result bool // the standard output holds a result of the command and no log
		args   []string
	}{
		{"train", 0, false, training(base, set, run, "--val_size", "4", "--sample_prompts", "say b, then c",
			"--max_seq_length", "40", "--over_long", "truncate", "--sample_max_new_tokens", "3")},
		{"train again", 0, false, training(base, set, run, "--val_size", "4", "--sample_prompts", "say b, then c",
			"--max_seq_length", "40", "--over_long", "truncate", "--sample_max_new_tokens", "3")},
		{"plan", 0, false, append([]string{"plan", "--probe", "1"}, training(base, set, run)[1:]...)},
		{"inspect", 0, false, []string{"inspect", "--model_name_or_path", base, "--dataset", set}},
		{"merge", 0, false, []string{"merge", "--adapter_name_or_path", run, "--output_dir", filepath.Join(dir, "m")}},
		{"export", 0, false, []string{"export", "--adapter_name_or_path", run, "--output", filepath.Join(dir, "m.gguf")}},
		{"bench", 0, false, []string{"bench", "matmul", "--shape", base, "--tokens", "4", "--steps", "1"}},
		{"generate", 0, true, []string{"generate", "--adapter_name_or_path", run, "--prompt", "say b", "--verbose",
			"--max_new_tokens", "3"}},
		{"a missing model", exitMissing, false, []string{"train", "--model_name_or_path", "none", "--dataset", set,
			"--output_dir", run}},
		{"an unknown flag", exitUsage, false, []string{"train", "--lerning_rate", "1"}},
		{"a wrong value", exitUsage, false, []string{"train", "--learning_rate", "fast"}},
	} {
		code, stdout, stderr := call("", append(c.args, "--log_format", "json")...)
		require.Equal(t, c.code, code, "%s: %s%s", c.name, stdout, stderr)
		log := stderr
		if !c.result {
			log += stdout
		}
		require.NotEmpty(t, log, c.name)
		for line := range strings.Lines(log) {
			require.True(t, json.Valid([]byte(line)) && line[0] == '{', "%s: %q", c.name, line)
		}
		if code != 0 {
			require.Contains(t, log, `"exit_code":`, c.name)
		}
	}
	code, _, stderr := call("", "train", "--log_format", "xml")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `log_format is "xml", want text or json`)
}

// A pipe gets sentences in whole lines, without fields and without what moves a cursor.
func TestAPipeGetsSentences(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 12)
	code, stdout, stderr := call("", training(base, set, filepath.Join(t.TempDir(), "run"), "--val_size", "4",
		"--max_seq_length", "40", "--over_long", "truncate")...)
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout+stderr, "\r")
	require.NotContains(t, stdout+stderr, "\x1b")
	require.NotRegexp(t, `\w=\S|[{}]`, stdout+stderr)
	require.Contains(t, stderr, "longer than 40 tokens and cut.")
}
