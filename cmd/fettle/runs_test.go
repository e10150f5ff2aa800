//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/human"
	"fettle/internal/tinymodel"
	"fettle/train"
	"fettle/train/checkpoint"
	"fettle/train/history"
)

// sampleRuns makes two finished runs of the built-in model once for all tests, and copies them into the directory runs
// of a new working directory.
func sampleRuns(t *testing.T) {
	from := trainedSamples()
	t.Chdir(t.TempDir())
	require.NoError(t, exec.Command("cp", "-a", from, runsDir).Run())
}

var trainedSamples = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "fettle-runs-")
	if err != nil {
		panic(err)
	}
	for name, rate := range map[string]string{"a [1]": "1e-3", "b": "2e-3"} {
		args := strings.Fields("train --model_name_or_path fettle-tiny --dataset fettle-questions --max_samples 40 " +
			"--val_size 4 --max_steps 4 --save_steps 2 --eval_steps 2 --per_device_train_batch_size 2 --recipe gpt4all " +
			"--finetuning_type lora --learning_rate " + rate)
		if code := execute(append(args, "--output_dir", filepath.Join(dir, name)), strings.NewReader(""), discarded{},
			os.Stderr); code != 0 {
			panic(fmt.Sprint("train ended with ", code))
		}
	}
	return dir
})

type discarded struct{}

func (discarded) Write(p []byte) (int, error) { return len(p), nil }

var painted = regexp.MustCompile(`\x1b\[\d*m`)

// A pipe gets every column, a terminal those that it has room for, in lines that are never wider.
func TestRunsAreListedInTheTerminalsWidth(t *testing.T) {
	sampleRuns(t)
	long := filepath.Join(runsDir, "a run with a long name, 名前 and more of it")
	require.NoError(t, os.Rename(filepath.Join(runsDir, "b"), long))
	require.NoError(t, os.WriteFile(filepath.Join(runsDir, "a [1]", checkpoint.Name(4), "state.json"), []byte("{"), 0o600))
	unlock, err := train.Lock(long)
	require.NoError(t, err)
	defer unlock()
	head := func(text string) []string { first, _, _ := strings.Cut(text, "\n"); return strings.Fields(first) }
	all := strings.Fields("run state step epoch method base recipe loss held-out best changed time size")
	piped := must(t, "runs")
	require.Equal(t, all, head(piped))
	require.Contains(t, piped, filepath.Base(long)+"  running")
	require.Contains(t, piped, "a [1], damaged: checkpoint-000004: state.json is damaged\n")
	require.Contains(t, piped, fmt.Sprintf("running: process %d on ", os.Getpid()))
	require.Contains(t, piped, "\n2 runs, ")
	require.Equal(t, piped, must(t, "runs", "ls", runsDir+"/"))
	before := 0
	for _, columns := range []uint16{40, 60, 80, 120} {
		s := onTerminal(t, columns, "runs")
		code, shown := s.end()
		require.Zero(t, code, shown)
		shown = strings.ReplaceAll(shown, "\r", "")
		require.Contains(t, shown, "\x1b[32mrunning\x1b[0m")
		require.Contains(t, shown, "\x1b[31mdamaged\x1b[0m")
		shown = painted.ReplaceAllString(shown, "")
		titles := head(shown)
		require.Subset(t, titles, []string{"run", "state", "best"}, shown)
		require.Subset(t, all, titles)
		require.Greater(t, len(titles), before, "%d columns have room for more:\n%s", columns, shown)
		before = len(titles)
		for line := range strings.Lines(shown) {
			require.LessOrEqual(t, human.Columns(strings.TrimSuffix(line, "\n")), int(columns), line)
		}
	}
}

func TestRunsAreJSONLines(t *testing.T) {
	sampleRuns(t)
	for _, args := range [][]string{{"runs", "--json"}, {"runs", "ls", "--log_format", "json", "--sort", "loss"}} {
		var names []string
		for line := range strings.Lines(must(t, args...)) {
			var r history.Run
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			require.Equal(t, history.Finished, r.State)
			require.Equal(t, []any{4, 4, "lora", "fettle-tiny"}, []any{r.Step, r.Steps, r.Method, r.Base})
			names = append(names, filepath.Base(r.Path))
		}
		require.ElementsMatch(t, []string{"a [1]", "b"}, names)
	}
	var d history.Detail
	require.NoError(t, json.Unmarshal([]byte(must(t, "runs", "show", "b", "--json", "--verify")), &d))
	require.Len(t, d.Checkpoints, 2)
	sum, err := exec.Command("sha256sum", filepath.Join(runsDir, "b", "config.yaml")).Output()
	require.NoError(t, err)
	require.Equal(t, strings.Fields(string(sum))[0], d.Origin.Hashes.Settings)
	exe, err := os.Executable()
	require.NoError(t, err)
	sum, err = exec.Command("sha256sum", exe).Output()
	require.NoError(t, err)
	require.Equal(t, strings.Fields(string(sum))[0], d.Origin.Programs[0].SHA256, "of this program")
	for name, hash := range map[string]string{"base": d.Origin.Hashes.Base, "tokenizer": d.Origin.Hashes.Tokenizer,
		"training data": d.Origin.Hashes.Training, "evaluation data": d.Origin.Hashes.Evaluation} {
		require.Regexp(t, "^[0-9a-f]{64}$", hash, name)
	}
	var c struct{ Settings []struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(must(t, "runs", "compare", "b", "a [1]", "--json")), &c))
	require.Len(t, c.Settings, 1)
	require.Equal(t, "learning_rate", c.Settings[0].Name)
}

func TestARunIsExplained(t *testing.T) {
	sampleRuns(t)
	shown := must(t, "runs", "show", "a [1]")
	for _, want := range []string{
		"runs/a [1]: finished\n", "steps             4 of 4, ", "held-out loss     ", "best checkpoint",
		"lora rank 8 alpha 16", "fettle-tiny, sha256 ", "fettle-questions, sha256 ", "begun on ", "finished after step 4",
		"checkpoint-000004  ", "fettle chat --adapter_name_or_path 'runs/a [1]'", "fettle " + version, "  cpu ",
	} {
		require.True(t, strings.Contains(shown, want), "%s\n%s", want, shown)
	}
	width := 0
	for line := range strings.Lines(shown) {
		width = max(width, human.Columns(strings.TrimSuffix(line, "\n")))
	}
	require.LessOrEqual(t, width, 84, "commands alone are wider than 80 columns")
	require.NotContains(t, shown, "killed")
	// A run of before has no journal.
	require.NoError(t, os.Remove(filepath.Join(runsDir, "b", "journal.jsonl")))
	shown = must(t, "runs", "show", "b")
	require.Contains(t, shown, "training data     fettle-questions, sha256 ")
	require.NotContains(t, shown, "How it went")
}

func TestRunsAreComparedOnAPage(t *testing.T) {
	sampleRuns(t)
	said := must(t, "runs", "compare", "a [1]", "runs/b", "--html", "pages/compare.html")
	require.Regexp(t, `(?m)^  learning_rate +0.001 +0.002$`, said)
	require.Regexp(t, `(?m)^Results +a \[1\] +b$`, said)
	require.Contains(t, said, "\nWrote pages/compare.html\n")
	page, err := os.ReadFile("pages/compare.html")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(page), "<title>a [1] and b · fettle</title>"))
	for columns, want := range map[uint16]string{80: "  steps                  4/4       4/4\n", 24: "    2  4/4\n"} {
		code, shown := onTerminal(t, columns, "runs", "compare", "a [1]", "b").end()
		require.Zero(t, code)
		shown = strings.ReplaceAll(shown, "\r", "")
		require.Contains(t, shown, want)
		for line := range strings.Lines(shown) {
			require.LessOrEqual(t, human.Columns(strings.TrimSuffix(line, "\n")), int(columns), line)
		}
	}
}

func TestRunsAreRemovedOnceSomebodyAgrees(t *testing.T) {
	sampleRuns(t)
	require.NoError(t, os.WriteFile(filepath.Join(runsDir, "b", "notes.md"), nil, 0o600))
	a := filepath.Join(runsDir, "a [1]")
	code, stdout, stderr := call("y\n", "runs", "rm", "a [1]")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stdout, "all of the run")
	require.Contains(t, stderr, "--yes")
	require.DirExists(t, a)
	for _, answer := range []string{"n", "", "yess"} {
		s := onTerminal(t, 100, "runs", "rm", "a [1]", "b")
		shown := s.see("[y/N]")
		require.Contains(t, shown, "with 2 checkpoints")
		require.Contains(t, shown, "not the run's, and kept with its directory: notes.md")
		s.send(answer + "\r")
		code, shown = s.end()
		require.Zero(t, code)
		require.Contains(t, shown, "Nothing was removed.")
		require.DirExists(t, a)
	}
	s := onTerminal(t, 100, "runs", "rm", "--checkpoints", "a [1]")
	s.see("the result stays")
	s.see("[y/N]")
	s.send("y\r")
	code, shown := s.end()
	require.Zero(t, code, shown)
	require.Empty(t, checkpoint.List(a))
	require.Contains(t, must(t, "runs", "ls", "--sort", "name"), "a [1]  finished   4/4")
	require.NotEmpty(t, must(t, "generate", "--adapter_name_or_path", a, "--prompt", "Who?", "--max_new_tokens", "3"))
	code, _, stderr = call("", "train", "--config", filepath.Join(a, "config.yaml"), "--output_dir", a)
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "whose checkpoints were removed")
	t.Run("of the variables of a shell that are not set", func(t *testing.T) {
		t.Chdir(a)
		code, _, stderr := call("", "runs", "rm", "--yes", "")
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "the name of a run is empty")
	})
	require.Contains(t, must(t, "runs", "rm", "--yes", "a [1]", "b"), "Removed ")
	require.NoDirExists(t, a)
	left, err := os.ReadDir(filepath.Join(runsDir, "b"))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Contains(t, must(t, "runs"), "No run is in the directory runs yet.")
}

// Of several runs all are removed or, if one cannot be, none.
func TestARunThatIsRunningIsNotRemoved(t *testing.T) {
	sampleRuns(t)
	path := filepath.Join(runsDir, "b")
	unlock, err := train.Lock(path)
	require.NoError(t, err)
	code, _, stderr := call("", "runs", "rm", "--yes", "a [1]", "b")
	require.Equal(t, exitBusy, code)
	require.Contains(t, stderr, fmt.Sprintf("process %d on ", os.Getpid()))
	require.DirExists(t, filepath.Join(runsDir, "a [1]"), "all or none")
	require.NoError(t, unlock())
	must(t, "runs", "rm", "--yes", "b")
	require.NoDirExists(t, path)
}

func TestNamesOfRunsAreCompleted(t *testing.T) {
	sampleRuns(t)
	require.NoError(t, os.Mkdir(filepath.Join(runsDir, "empty"), 0o755))
	said := must(t, "__complete", "runs", "show", "")
	require.Contains(t, said, "a [1]\nb\n")
	require.NotContains(t, said, "empty")
	require.NotContains(t, must(t, "__complete", "runs", "compare", "b", ""), "b\n")
}

func TestNoRunYet(t *testing.T) {
	t.Chdir(t.TempDir())
	require.Contains(t, must(t, "runs"), "fettle demo")
	require.Empty(t, must(t, "runs", "--json"))
	require.NoError(t, os.MkdirAll("runs/model", 0o755))
	require.NoError(t, tinymodel.Write("runs/model", tinymodel.Config{}, 1))
	require.Contains(t, must(t, "runs"), "No runs: runs/model (a model).")
	require.Contains(t, must(t, "runs", "--help"), "fettle runs command")
	require.Contains(t, must(t, "runs", "show", "--help"), "fettle runs show RUN… [flags]")
}
