//go:build unix

package history

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train"
	"fettle/train/checkpoint"
	"fettle/train/journal"
	"fettle/train/report"
)

// steps is a writer that is told of every step.
type steps func()

func (s steps) Write(p []byte) (int, error) { s(); return len(p), nil }

// trained runs six steps in a directory, and an evaluation every two. It stops after a step if stop is not 0, and with
// bad the loss of step 5 is not a number.
func trained(t testing.TB, path string, stop int, bad bool) {
	base := t.TempDir()
	require.NoError(t, tinymodel.Write(base, tinymodel.Config{}, 1))
	m, err := model.Load(base, ref.New())
	require.NoError(t, err)
	set, err := adapter.New(adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}, m, 42)
	require.NoError(t, err)
	rows := []data.Example{{Tokens: []int32{1, 5, 7, 2}, Labels: []int32{data.Ignore, 5, 7, 2}}}
	c := train.Defaults()
	c.OutputDir, c.MaxSteps, c.LearningRate, c.SaveSteps, c.EvalSteps, c.LoggingSteps = path, 6, 0.05, 2, 2, 1
	ctx, cancel := context.WithCancel(t.Context())
	done := 0
	j := train.Job{
		Model: set.Model(), Adapter: set, Training: rows, Evaluation: rows,
		Inputs: train.Inputs{Base: m.Fingerprint(), Content: m.Content(), Training: "trainingdata-0"},
		Record: adapter.Record{Version: "0.1.0", Base: base, Compute: "cpu f32", Type: adapter.TypeLoRA, Recipe: "alpaca"},
		Settings: []byte("# model\nmodel_name_or_path: models/tiny\n\n# data\nrecipe: alpaca\ndataset:\n    - a.json\n" +
			"    - b.json\nlearning_rate: 0.05\nfinetuning_type: lora\noutput_dir: " + quoted(path) + "\n"),
		Program: journal.Program{Version: "0.1.0", Commit: "0123456789abcdef", Go: "go1.26", SHA256: "feedfeedfeedfeed"},
		Machine: journal.Machine{Host: "here", System: "linux/amd64", Processor: "P", Threads: 2},
		Steps: zerolog.New(steps(func() {
			if done++; done == stop {
				cancel()
			}
		})),
	}
	if bad {
		j.Objective.Loss = func(s train.Scores) (float64, []float64) {
			if done >= 4 {
				return math.NaN(), []float64{0}
			}
			return s.NLL[0], []float64{1}
		}
	}
	_, err = train.Run(ctx, c, j)
	switch {
	case stop > 0:
		require.ErrorIs(t, err, train.ErrStopped)
	case bad:
		require.ErrorIs(t, err, train.ErrNotFinite)
	default:
		require.NoError(t, err)
	}
}

func quoted(text string) string { q, _ := json.Marshal(text); return string(q) }

// copied returns a copy of a run under a name in a directory.
func copied(t testing.TB, run, dir, name string) string {
	to := filepath.Join(dir, name)
	require.NoError(t, os.CopyFS(to, os.DirFS(run)))
	return to
}

func write(t testing.TB, text string, path ...string) {
	at := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
	require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
}

func TestRunsStandAsTheirFilesSay(t *testing.T) {
	dir := t.TempDir()
	finished, stopped := filepath.Join(dir, "finished"), filepath.Join(dir, "stopped")
	failed := filepath.Join(dir, "failed")
	trained(t, finished, 0, false)
	trained(t, stopped, 3, false)
	trained(t, failed, 0, true)
	last := checkpoint.Name(6)
	for _, c := range []struct {
		name, of string
		do       func(path string)
		state    State
		step     int
		trouble  string
	}{
		{"as it ended", finished, nil, Finished, 6, ""},
		{"stopped after a step", stopped, nil, Stopped, 3, ""},
		{"a loss that is not a number", failed, nil, Failed, 2, "held-out loss is NaN"},
		{"killed: the journal has no end", stopped, func(path string) {
			require.NoError(t, journal.Append(path, journal.Entry{Event: journal.Continued, Step: 3, Steps: 6}))
		}, Stopped, 3, ""},
		{"the result alone", finished, func(path string) {
			for _, name := range checkpoint.List(path) {
				require.NoError(t, os.RemoveAll(filepath.Join(path, name)))
			}
		}, Finished, 6, ""},
		{"of before there were journals", finished, func(path string) {
			require.NoError(t, os.Remove(filepath.Join(path, journal.File)))
		}, Finished, 6, ""},
		{"weights that are cut off", finished, func(path string) {
			require.NoError(t, os.Truncate(filepath.Join(path, last, adapter.WeightsFile), 100))
		}, Damaged, 6, last + ": adapter_model.safetensors is damaged"},
		{"a state that is no JSON", stopped, func(path string) { write(t, "{", path, checkpoint.Name(3), "state.json") },
			Damaged, 3, checkpoint.Name(3) + ": state.json is damaged"},
		{"counts without sense", stopped, func(path string) {
			write(t, `{"step": 3, "examples": 9, "config": {"BatchSize": -4, "Accumulation": 4611686018427387904}}`, path,
				checkpoint.Name(3), "state.json")
		}, Damaged, 3, "state.json is damaged"},
		{"no manifest", stopped, func(path string) {
			require.NoError(t, os.Remove(filepath.Join(path, checkpoint.Name(3), "MANIFEST.json")))
		}, Damaged, 3, "no such file"},
		{"a result without weights", finished, func(path string) {
			require.NoError(t, os.Remove(filepath.Join(path, adapter.WeightsFile)))
			require.NoError(t, os.Remove(filepath.Join(path, adapter.ConfigFile)))
		}, Damaged, 6, "the result has no weights"},
		{"settings, metrics and journal of rubbish", finished, func(path string) {
			write(t, "\x00: [", path, settingsFile)
			write(t, "\xff\n{\n", path, report.LogFile)
			write(t, "null\n[]\n{}\n", path, journal.File)
		}, Finished, 6, ""},
		{"directories in the place of files", finished, func(path string) {
			for _, name := range []string{settingsFile, report.LogFile, journal.File} {
				require.NoError(t, os.Remove(filepath.Join(path, name)))
				require.NoError(t, os.Mkdir(filepath.Join(path, name), 0o755))
			}
		}, Finished, 6, ""},
		{"a removal that was interrupted", finished, func(path string) {
			require.NoError(t, os.Rename(filepath.Join(path, settingsFile),
				filepath.Join(path, checkpoint.Removed(settingsFile))))
		}, Damaged, 6, "its removal was interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := copied(t, c.of, t.TempDir(), "run [1] ü")
			if c.do != nil {
				c.do(path)
			}
			r, err := Read(path)
			require.NoError(t, err)
			require.Equal(t, c.state, r.State, r.Trouble)
			require.Equal(t, c.step, r.Step)
			require.Contains(t, r.Trouble, c.trouble)
			require.WithinDuration(t, time.Now(), r.Changed, time.Hour)
			_, err = Open(path, true)
			require.NoError(t, err)
		})
	}
	r, err := Read(finished)
	require.NoError(t, err)
	require.Equal(t, []any{"lora", "tiny", "alpaca", 6, 6.0}, []any{r.Method, r.Base, r.Recipe, r.Steps, r.Epoch})
	require.Positive(t, r.Loss)
	require.LessOrEqual(t, r.BestLoss, r.EvalLoss)
	require.Greater(t, r.Bytes, int64(10_000))
}

// The lock says that a run is running, whatever the files do; its steps since the checkpoint are those of its log.
func TestARunThatIsRunningIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	trained(t, path, 3, false)
	unlock, err := train.Lock(path)
	require.NoError(t, err)
	f, err := os.OpenFile(filepath.Join(path, report.LogFile), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"step":5,"loss":1.5,"epoch":5,"elapsed_seconds":9}` + "\n" +
		`{"step":4,"eval_loss":0.25}` + "\n" + `{"step":6,"loss":`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	r, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, []any{Running, os.Getpid(), 5, 1.5, 0.25, 9.0},
		[]any{r.State, r.Owner.Process, r.Step, r.Loss, r.BestLoss, r.Seconds})
	_, err = NewRemoval(path, true)
	require.ErrorIs(t, err, train.ErrBusy)
	require.ErrorContains(t, err, fmt.Sprintf("process %d on ", os.Getpid()))
	require.NoError(t, unlock())
	r, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, Stopped, r.State)
	require.Equal(t, 3, r.Step, "what is kept")
}

func TestFindPassesOverWhatIsNoRun(t *testing.T) {
	top := t.TempDir()
	run := filepath.Join(top, "a [1]")
	trained(t, run, 2, false)
	copied(t, run, top, "group/ünter/b")
	copied(t, run, top, ".hidden/c")
	copied(t, run, top, "unlocked")
	copied(t, run, t.TempDir(), "elsewhere")
	outside := copied(t, run, t.TempDir(), "outside")
	require.NoError(t, os.Symlink("a [1]", filepath.Join(top, "latest")))
	require.NoError(t, os.Symlink(outside, filepath.Join(top, "away")))
	require.NoError(t, os.Symlink(top, filepath.Join(top, "group", "loop")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(top, "broken")))
	write(t, `{"peft_type": "LORA"}`, top, "peft", adapter.ConfigFile)
	write(t, "", top, "model", "model.safetensors")
	write(t, "{}", top, "model", "config.json")
	write(t, "notes", top, "notes.md")
	write(t, "{}", top, "trainer", "checkpoint-500", "config.json")
	write(t, "", top, "trainer", "checkpoint-500", "model.safetensors")
	if exec.Command("mkfifo", filepath.Join(top, "pipe")).Run() == nil {
		require.NoError(t, os.MkdirAll(filepath.Join(top, "piped"), 0o755))
		write(t, "", top, "piped", report.LogFile)
		require.NoError(t, exec.Command("mkfifo", filepath.Join(top, "piped", settingsFile)).Run())
		lock := filepath.Join(top, "unlocked", train.LockFile)
		require.NoError(t, os.RemoveAll(lock))
		require.NoError(t, exec.Command("mkfifo", lock).Run(), "a lock that nobody can hold")
	}
	found, err := Find(top)
	require.NoError(t, err)
	names := map[string]State{}
	for _, r := range found.Runs {
		rel, err := filepath.Rel(top, r.Path)
		require.NoError(t, err)
		names[rel] = r.State
	}
	require.Equal(t, map[string]State{
		"a [1]": Stopped, "group/ünter/b": Stopped, "away": Stopped, "piped": Stopped, "unlocked": Stopped,
	}, names)
	sizes := map[string]int64{}
	for _, r := range found.Runs {
		sizes[filepath.Base(r.Path)] = r.Bytes
	}
	require.Equal(t, size(outside), sizes["away"], "what the link leads to")
	others := map[string]string{}
	for _, o := range found.Others {
		others[filepath.Base(o.Path)] = o.What
	}
	require.Equal(t, map[string]string{
		"peft": "an adapter", "model": "a model", "trainer": "a run of another program",
	}, others)
	require.Empty(t, found.Unread)
	alone, err := Find(run)
	require.NoError(t, err)
	require.Len(t, alone.Runs, 1)
	_, err = Read(filepath.Join(top, "peft"))
	require.ErrorIs(t, err, ErrNoRun)
	_, err = Find(filepath.Join(top, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDirectoriesThatCannotBeReadAreNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	top := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(top, "closed"), 0))
	found, err := Find(top)
	require.NoError(t, err)
	require.Len(t, found.Unread, 1)
	require.ErrorIs(t, found.Unread[0], os.ErrPermission)
}

// A hundred runs with metrics of 256 MiB, in holes of the disk: reading them takes long.
func TestAListingReadsNoWeights(t *testing.T) {
	top := t.TempDir()
	run := filepath.Join(t.TempDir(), "run")
	trained(t, run, 2, false)
	metrics := filepath.Join(run, report.LogFile)
	require.NoError(t, os.Truncate(metrics, 256<<20))
	f, err := os.OpenFile(metrics, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("\n" + `{"step":2,"loss":1.5}` + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.Truncate(filepath.Join(run, checkpoint.Name(2), adapter.WeightsFile), 2<<30))
	for i := range 100 {
		require.NoError(t, os.MkdirAll(filepath.Join(top, fmt.Sprint(i)), 0o755))
		for _, name := range []string{settingsFile, report.LogFile, journal.File, checkpoint.Name(2)} {
			require.NoError(t, os.Symlink(filepath.Join(run, name), filepath.Join(top, fmt.Sprint(i), name)))
		}
	}
	began := time.Now()
	found, err := Find(top)
	require.NoError(t, err)
	require.Len(t, found.Runs, 100)
	require.Less(t, time.Since(began), 10*time.Second)
	r, err := Read(run)
	require.NoError(t, err)
	require.Equal(t, Damaged, r.State)
}

// The golden checkpoints are of runs from before there were journals.
func TestRunsOfEveryFormatAreListed(t *testing.T) {
	all, err := filepath.Glob(filepath.Join("..", "testdata", "checkpoints", "format-*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, path := range all {
		d, err := Open(path, true)
		require.NoError(t, err)
		require.Equal(t, Stopped, d.State, d.Trouble)
		require.Equal(t, 4, d.Step)
		require.NotEmpty(t, d.Method)
		require.NotEmpty(t, d.Origin.Hashes.Base)
		require.Empty(t, d.Checkpoints[0].Trouble)
	}
}
