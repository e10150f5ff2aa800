package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// prompts writes n prompts.
func prompts(t testing.TB, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id": %d, "prompt": "say %c"}`+"\n", i, 'a'+i%26)
	}
	return file(t, "prompts.jsonl", b.String())
}

// batchOf returns the arguments that answer a file with a tiny model.
func batchOf(base, in, out string, more ...string) []string {
	return append([]string{"generate", "--model_name_or_path", base, "--recipe", "alpaca-lora-short", "--max_new_tokens",
		"6", "--temperature", "1.5", "--input_file", in, "--output_file", out}, more...)
}

// lines reads the lines of a file of answers.
func answersIn(t testing.TB, path string) (all []map[string]any) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row), line)
		all = append(all, row)
	}
	return all
}

func TestFilesAreAnsweredAsRowsByThemselves(t *testing.T) {
	base, out := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "answers.jsonl")
	in := file(t, "in.json", `[{"id": 7, "instruction": "say <a>", "input": "b"}, {"instruction": "say b", "system": "s"},
		{"instruction": "say b", "history": []}]`)
	must(t, batchOf(base, in, out, "--seed", "5")...)
	rows := answersIn(t, out)
	require.Len(t, rows, 3)
	for i, flags := range [][]string{{"--prompt", "say <a>", "--input", "b"}, {"--prompt", "say b", "--system", "s"},
		{"--prompt", "say b"}} {
		alone := must(t, append([]string{"generate", "--model_name_or_path", base, "--recipe", "alpaca-lora-short",
			"--max_new_tokens", "6", "--temperature", "1.5", "--seed", fmt.Sprint(5 + i)}, flags...)...)
		require.Equal(t, strings.TrimSuffix(alone, "\n"), rows[i]["generated"])
		require.EqualValues(t, 5+i, rows[i]["generation"].(map[string]any)["seed"])
	}
	require.EqualValues(t, 7, rows[0]["id"])
	require.Equal(t, "say <a>", rows[0]["instruction"])
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, string(text), must(t, batchOf(base, in, "", "--seed", "5")...), "standard output")
	raw := must(t, "generate", "--model_name_or_path", base, "--raw", "--temperature", "0", "--max_new_tokens", "4",
		"--input_file", file(t, "lines.txt", "once\n\nupon\n"))
	for i, line := range strings.Split(strings.TrimSpace(raw), "\n") {
		want := must(t, "generate", "--model_name_or_path", base, "--raw", "--temperature", "0", "--max_new_tokens", "4",
			"--prompt", []string{"once", "upon"}[i])
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		require.Equal(t, want, row["generated"])
		require.NotContains(t, line, "seed", "nothing was drawn")
	}
}

func TestUnfinishedAnswersAreContinued(t *testing.T) {
	base, in, dir := tiny(t, tinymodel.Config{}), prompts(t, 6), t.TempDir()
	whole := filepath.Join(dir, "whole.jsonl")
	must(t, batchOf(base, in, whole)...)
	want, err := os.ReadFile(whole)
	require.NoError(t, err)
	for _, size := range []int{0, 1, len(want) / 3, len(want) / 2, len(want) - 1, len(want)} {
		part := filepath.Join(dir, "part.jsonl")
		require.NoError(t, os.WriteFile(part, want[:size], 0o644))
		begun := strings.Count(string(want[:size]), "\n")
		more := []string{}
		if begun == 0 { // the file does not say where its seeds begin
			seed := answersIn(t, whole)[0]["generation"].(map[string]any)["seed"].(float64)
			more = []string{"--seed", fmt.Sprint(int(seed))}
		}
		code, _, stderr := call("", batchOf(base, in, part, more...)...)
		require.Zero(t, code, stderr)
		got, err := os.ReadFile(part)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%d bytes", size)
		switch {
		case begun == 6:
			require.Contains(t, stderr, "holds all 6 answers already")
		case begun > 0:
			require.Contains(t, stderr, fmt.Sprintf("holds %d of 6 answers: going on", begun))
		}
	}
	first, _, _ := strings.Cut(string(want), "\n")
	part := filepath.Join(dir, "part.jsonl")
	require.NoError(t, os.WriteFile(part, []byte(first+"\n"+strings.Repeat("cut off ", 1000)), 0o644))
	must(t, batchOf(base, in, part)...)
	got, err := os.ReadFile(part)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "nothing of a cut line stays")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no lock is left behind")
}

// A batch is killed or interrupted at any moment until it is through.
func TestKilledBatchesEndWithTheSameAnswers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts there")
	}
	base, in, dir := tiny(t, tinymodel.Config{Hidden: 64, Layers: 6}), prompts(t, 60), t.TempDir()
	whole, part := filepath.Join(dir, "whole.jsonl"), filepath.Join(dir, "part.jsonl")
	flags := []string{"--seed", "3", "--max_new_tokens", "40"}
	must(t, batchOf(base, in, whole, flags...)...)
	stops := 0
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 100)
		cmd := exec.Command(os.Args[0], batchOf(base, in, part, flags...)...)
		cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		require.NoError(t, cmd.Start())
		time.AfterFunc(time.Duration(100+40*attempt)*time.Millisecond, func() {
			cmd.Process.Signal([]os.Signal{syscall.SIGKILL, syscall.SIGINT}[attempt%2])
		})
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code == 0 {
			break
		} else if code != -1 {
			require.Equal(t, exitStopped, code, stderr.String())
			if strings.Contains(stderr.String(), "stopped while reading "+in) { // on a busy machine
				continue
			}
			require.Contains(t, stderr.String(), "of 60 answers; the same command goes on")
			require.NotContains(t, stderr.String(), "context canceled")
			stops++
		}
	}
	require.Positive(t, stops, "no attempt was interrupted")
	want, err := os.ReadFile(whole)
	require.NoError(t, err)
	got, err := os.ReadFile(part)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAnswersOfOtherRowsOrSettingsAreKept(t *testing.T) {
	base, in, out := tiny(t, tinymodel.Config{}), prompts(t, 3), filepath.Join(t.TempDir(), "answers.jsonl")
	must(t, batchOf(base, in, out, "--seed", "3")...)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	for reason, c := range map[string]struct {
		held string
		more []string
		want string
	}{
		"another temperature": {string(text), []string{"--temperature", "0.5"}, `:1: it was generated by "`},
		"other rows": {string(text), []string{"--input_file", file(t, "p.txt", "x\ny\nz")},
			":1: it answers another row"},
		"fewer rows":            {string(text), []string{"--input_file", prompts(t, 2)}, "has more lines than"},
		"another seed":          {string(text), []string{"--seed", "4"}, "it was begun with seed 3, not with 4"},
		"something else":        {"my notes\n", nil, ":1: it is no answer of fettle generate: \"my notes\""},
		"a line without an end": {`[{"prompt": "x"}]`, nil, "answers.jsonl holds something else"},
		"a data set":            {`{"prompt": "x"}` + "\n", nil, ":1: it is no answer of fettle generate"},
		"another base": {string(text), []string{"--model_name_or_path", tiny(t, tinymodel.Config{Hidden: 32})},
			"by \""},
		"another template": {string(text), []string{"--recipe", "alpaca"}, "recipe alpaca-lora-short"},
	} {
		t.Run(reason, func(t *testing.T) {
			path := file(t, "answers.jsonl", c.held)
			code, _, stderr := call("", batchOf(base, in, path, c.more...)...)
			require.Equal(t, exitRefused, code, stderr)
			require.Contains(t, stderr, c.want)
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.held, string(kept))
		})
	}
}

func TestRowsThatCannotBeAnsweredAreNamed(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	rows := []string{`{"prompt": "say a"}`, `{"promt": "b"}`, `{"prompt": "` + strings.Repeat("long ", 600) + `"}`,
		`{"prompt": "a", "history": [["b", "c"]]}`, `{"prompt" 5}`, `{"prompt": ""}`}
	wants := []string{"", `no "instruction"`, "tokens, want 1 to 511 for a context of 512",
		"takes one instruction", "broken JSON", "it asks nothing"}
	for i := 1; i < len(rows); i++ {
		in := file(t, "in.jsonl", rows[0]+"\n"+rows[i]+"\n")
		code, out, stderr := call("", batchOf(base, in, "")...)
		require.Equal(t, exitData, code, stderr)
		require.Contains(t, stderr, "in.jsonl:2: ")
		require.Contains(t, stderr, wants[i])
		require.Contains(t, stderr, "--on_bad_row skip")
		require.Empty(t, out)
	}
	in, out := file(t, "in.jsonl", strings.Join(rows, "\n")), filepath.Join(t.TempDir(), "answers.jsonl")
	code, _, stderr := call("", batchOf(base, in, out, "--on_bad_row", "skip")...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "5 rows of 6 cannot be answered")
	all := answersIn(t, out)
	require.Len(t, all, 6)
	for i, row := range all {
		require.Equal(t, i > 0, row["generated"] == nil)
		if i > 0 {
			require.Contains(t, row["generation"].(map[string]any)["error"], wants[i])
		}
	}
	code, _, stderr = call("", batchOf(base, in, out, "--on_bad_row", "skip")...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "holds all 6 answers already")
	code, _, stderr = call("", batchOf(base, file(t, "in.jsonl", rows[5]), "", "--on_bad_row", "skip")...)
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "no row can be answered")
}

func TestSettingsOfBatchesAreChecked(t *testing.T) {
	base, in := tiny(t, tinymodel.Config{}), prompts(t, 2)
	for _, c := range []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"prompts twice", batchOf(base, in, "", "--prompt", "x"), exitUsage, "--prompt cannot act"},
		{"an input beside", batchOf(base, in, "", "--input", "x"), exitUsage, "--input cannot act"},
		{"no file of prompts", batchOf(base, "", "x.jsonl", "--prompt", "x"), exitUsage, "--output_file cannot act"},
		{"answers as CSV", batchOf(base, in, "a.csv"), exitUsage, "name it a.jsonl"},
		{"onto the prompts", batchOf(base, in, in), exitUsage, "is the file of the prompts"},
		{"a missing file", batchOf(base, "none.jsonl", ""), exitMissing, "none.jsonl"},
		{"a field of the answer's name", batchOf(base, file(t, "g.jsonl", `{"prompt": "x", "generated": "y"}`), "",
			"--on_bad_row", "skip"), exitData, `g.jsonl:1: a field is called "generated"`},
		{"an empty file", batchOf(base, file(t, "e.jsonl", ""), ""), exitData, "the data set is empty"},
		{"an unknown column", batchOf(base, in, "", "--columns", "foo=bar"), exitUsage, "--columns"},
		{"an absent column", batchOf(base, in, "", "--columns", "input=bar"), exitData, "bar"},
		{"an unknown choice", batchOf(base, in, "", "--on_bad_row", "ignore"), exitUsage, "want stop or skip"},
		{"no such directory", batchOf(base, in, filepath.Join("none", "a.jsonl")), exitMissing, "none"},
		{"no recipe", []string{"generate", "--model_name_or_path", base, "--input_file", in}, exitUsage,
			"no prompt template"},
	} {
		code, out, stderr := call("", c.args...)
		require.Equal(t, c.code, code, "%s: %s", c.reason, stderr)
		require.Contains(t, stderr, c.want, c.reason)
		require.Empty(t, out, c.reason)
	}
}
