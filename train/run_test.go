package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

var lora = adapter.LoRA{Rank: 2, Alpha: 4, Dropout: 0.1, Targets: []string{"q_proj", "v_proj"}}

// dry is a method without dropout.
func dry(m adapter.Method) adapter.Method {
	if l, ok := m.(adapter.LoRA); ok {
		l.Dropout = 0
		return l
	}
	return m
}

// job returns a tiny run: six steps of four sequences.
func job(t testing.TB, c adapter.Method, threads int) Job {
	dev, err := cpu.New(cpu.Options{Threads: threads, Compute: "f32"})
	require.NoError(t, err)
	return jobOn(t, dev, c)
}

// jobOn is job on a device.
func jobOn(t testing.TB, dev compute.Device, c adapter.Method) Job {
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	var s *adapter.Set
	if c.Name() == adapter.TypeFull {
		s, err = adapter.New(adapter.Full{}, m, 0)
	} else {
		s, err = adapter.New(c, m, 1)
	}
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(2, 2))
	var all []data.Example
	for range 15 {
		e := data.Example{}
		for range 3 + rng.IntN(9) {
			e.Tokens = append(e.Tokens, int32(rng.IntN(40)))
		}
		e.Labels = append([]int32{data.Ignore}, e.Tokens[1:]...)
		all = append(all, e)
	}
	return Job{
		Model: s.Model(), Adapter: s, Training: all[:12], Evaluation: all[12:],
		Inputs: Inputs{Base: m.Fingerprint(), Content: m.Content(), Training: "t"},
	}
}

func config(dir string) Config {
	c := Defaults()
	c.OutputDir, c.BatchSize, c.Accumulation, c.Epochs, c.SaveSteps, c.EvalSteps, c.LearningRate = dir, 2, 2, 2, 2, 3, 1e-2
	return c
}

// outcome returns the parts of a finished run that must not depend on interruptions, threads and micro-batches: the
// hash of the adapter, and the metrics without their times.
func outcome(t testing.TB, dir string) string {
	weights, err := os.ReadFile(filepath.Join(dir, adapter.WeightsFile))
	if err != nil {
		weights, err = os.ReadFile(filepath.Join(dir, "model.safetensors"))
	}
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, report.LogFile))
	require.NoError(t, err)
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		delete(row, "elapsed_seconds")
		delete(row, "tokens_per_second")
		delete(row, "eval_seconds")
		delete(row, "rank_seconds")
		delete(row, "exchange_seconds")
		fmt.Fprintln(&b, row)
	}
	return fmt.Sprintf("%x\n", sha256.Sum256(weights)) + b.String()
}

func finish(t testing.TB, c Config, j Job) string {
	_, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	return outcome(t, c.OutputDir)
}

var methods = map[string]adapter.Method{
	"LoRA":          lora,
	"LLaMA-Adapter": adapter.LLaMAAdapter{Len: 3, Layers: 2, Gate: adapter.PerHead, GateActivation: adapter.Tanh},
	"full":          adapter.Full{},
	"LoRA, saved modules": adapter.LoRA{Rank: 2, Alpha: 4, Targets: []string{"embed_tokens", "v_proj"},
		Saved: adapter.Saved{Modules: []string{"lm_head", "model.norm"}}},
	"LoRA, head and tokens": adapter.LoRA{Rank: 2, Alpha: 4, Dropout: 0.1, Targets: []string{"q_proj", "lm_head"},
		Saved: adapter.Saved{Tokens: []string{"3", "21", "0"}}},
}

func TestOutcomeDependsOnTheRunAlone(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			want := finish(t, config(t.TempDir()), job(t, method, 2))
			for _, threads := range []int{1, 3} {
				require.Equal(t, want, finish(t, config(t.TempDir()), job(t, method, threads)), "%d threads", threads)
			}
			for _, batch := range []int{1, 4} {
				c := config(t.TempDir())
				c.BatchSize, c.Accumulation = batch, 4/batch
				require.Equal(t, want, finish(t, c, job(t, method, 2)), "micro-batches of %d", batch)
			}
			c := config(t.TempDir())
			j := job(t, method, 2)
			j.Model.Keep(1 << 30)
			require.Equal(t, want, finish(t, c, j), "activations kept")
		})
	}
}

// countdown is a context that is cancelled at the nth call of Err.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestResumeEqualsUninterrupted(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			want := finish(t, config(t.TempDir()), job(t, method, 2))
			for patience := 1; patience < 12; patience++ {
				c := config(t.TempDir())
				stops := 0
				for done := false; !done; {
					ctx := context.Context(&countdown{context.Background(), patience})
					if stops > 20 { // patience for less than a step never gets on
						ctx = context.Background()
					}
					_, err := Run(ctx, c, job(t, method, 1+stops%3))
					if done = err == nil; !done {
						require.ErrorIs(t, err, ErrStopped)
						stops++
					}
				}
				require.Equal(t, want, outcome(t, c.OutputDir), "patience %d, stopped %d times", patience, stops)
			}
		})
	}
}

// failing fails its nth call.
type failing struct {
	atomicfile.OS
	left   *int
	failed *string // the path of the call that failed, behind removal if it was to remove it
	err    error
}

const removal = "remove "

func (f failing) call(path string) error {
	if *f.left--; *f.left == 0 {
		*f.failed = path
		return f.err
	}
	return nil
}

func (f failing) MkdirTemp(dir, pattern string) (string, error) {
	if err := f.call(dir); err != nil {
		return "", err
	}
	return f.OS.MkdirTemp(dir, pattern)
}

func (f failing) WriteFile(path string, data atomicfile.Content) error {
	if err := f.call(path); err != nil {
		var whole bytes.Buffer
		data(&whole)
		f.OS.WriteFile(path, atomicfile.Bytes(whole.Bytes()[:whole.Len()/2]))
		return err
	}
	return f.OS.WriteFile(path, data)
}

func (f failing) SyncDir(path string) error {
	if err := f.call(path); err != nil {
		return err
	}
	return f.OS.SyncDir(path)
}

func (f failing) Symlink(target, path string) error {
	if err := f.call(path); err != nil {
		return err
	}
	return f.OS.Symlink(target, path)
}

func (f failing) Rename(from, to string) error {
	if err := f.call(to); err != nil {
		return err
	}
	return f.OS.Rename(from, to)
}

func (f failing) RemoveAll(path string) error {
	if err := f.call(removal + path); err != nil {
		return err
	}
	return f.OS.RemoveAll(path)
}

// Each call of the disk fails in turn: the run returns the error, unless litter was to be removed, and the next one
// ends with the same bits.
func TestEveryDiskFailureIsSurvived(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	set := func() Config {
		c := watching(t.TempDir())
		c.EvalSteps, c.SaveSteps = 2, 2
		return c
	}
	whole := set()
	want := finish(t, whole, job(t, lora, 1))
	survived := 0
	for n := 1; ; n++ {
		c, left, failed := set(), n, ""
		_, err := runOn(context.Background(), failing{left: &left, failed: &failed, err: syscall.ENOSPC}, c, job(t, lora, 1))
		if left > 0 {
			break // the run makes fewer calls
		}
		if err != nil || !strings.HasPrefix(failed, removal) { // litter may stay
			require.ErrorIs(t, err, syscall.ENOSPC, "call %d: %s", n, failed)
		}
		require.Equal(t, want, finish(t, c, job(t, lora, 1)), "call %d failed", n)
		require.Equal(t, bestOf(t, whole.OutputDir), bestOf(t, c.OutputDir), "call %d failed", n)
		survived++
	}
	t.Logf("%d failing calls survived", survived)
	require.Greater(t, survived, 20)
}

func TestDamageIsNoticed(t *testing.T) {
	c := config(t.TempDir())
	want := finish(t, c, job(t, lora, 1))
	last := filepath.Join(c.OutputDir, checkpoint.Name(6))
	files, err := os.ReadDir(last)
	require.NoError(t, err)
	for _, f := range files {
		path := filepath.Join(last, f.Name())
		sound, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, damage := range []func([]byte) []byte{
			func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			func(b []byte) []byte { b[0] ^= 0x80; return b },
			func(b []byte) []byte { return b[:len(b)-1] },
			func(b []byte) []byte { return append(b, 0) },
		} {
			require.NoError(t, os.WriteFile(path, damage(append([]byte(nil), sound...)), 0o644))
			require.Error(t, checkpoint.Verify(last), f.Name())
		}
		require.NoError(t, os.Remove(path))
		require.Error(t, checkpoint.Verify(last), f.Name())
		require.NoError(t, os.WriteFile(path, sound, 0o644))
		require.NoError(t, checkpoint.Verify(last))
	}
	require.NoError(t, os.Truncate(filepath.Join(last, adapter.WeightsFile), 100))
	require.Equal(t, want, finish(t, c, job(t, lora, 1)), "continues from the checkpoint before")
}

func TestOneRunAtATime(t *testing.T) {
	c := config(t.TempDir())
	j := job(t, lora, 1)
	j.Steps = zerolog.New(writer(func() {
		_, err := Run(context.Background(), c, job(t, lora, 1))
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorContains(t, err, fmt.Sprintf(": process %d on ", os.Getpid()))
	}))
	_, err := Run(context.Background(), c, j)
	require.NoError(t, err)
}

type writer func()

func (w writer) Write(p []byte) (int, error) { w(); return len(p), nil }

func TestOtherRunsAreRefused(t *testing.T) {
	c := config(t.TempDir())
	finish(t, c, job(t, lora, 1))
	for _, change := range []struct {
		name string
		do   func(*Config, *Job)
		want string
	}{
		{"other rate", func(c *Config, _ *Job) { c.LearningRate = 1 }, "learning_rate was 0.01, is 1"},
		{"other batch", func(c *Config, _ *Job) { c.BatchSize = 3 }, "sequences of a step were 4, are 6"},
		{"other data", func(_ *Config, j *Job) { j.Inputs.Training = "u" }, "the training data changed"},
		{"other evaluation data", func(_ *Config, j *Job) { j.Inputs.Evaluation = "u" }, "the evaluation data changed"},
		{"other tokenizer", func(_ *Config, j *Job) { j.Inputs.Tokenizer = "u" }, "the tokenizer changed"},
		{"other base", func(_ *Config, j *Job) { j.Inputs.Base = "u" }, "the base model changed"},
		{"other weights", func(_ *Config, j *Job) { j.Inputs.Content = "u" }, "the base model's weights changed"},
		{"no resume", func(c *Config, _ *Job) { c.Resume = "none" }, "already holds a run"},
	} {
		t.Run(change.name, func(t *testing.T) {
			c, j := c, job(t, lora, 1)
			change.do(&c, &j)
			_, err := Run(context.Background(), c, j)
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, change.want)
		})
	}
}

func TestNotFiniteNeverEntersACheckpoint(t *testing.T) {
	c := config(t.TempDir())
	j := job(t, lora, 1)
	j.Log = zerolog.New(writer(func() { // after an evaluation
		if checkpoint.Verify(filepath.Join(c.OutputDir, checkpoint.Name(2))) == nil {
			j.Adapter.Params()[0].Data[0] = float32(math.NaN())
		}
	}))
	_, err := Run(context.Background(), c, j)
	require.ErrorIs(t, err, ErrNotFinite)
	require.ErrorContains(t, err, "state kept in")
	for _, name := range checkpoint.List(c.OutputDir) {
		s := job(t, lora, 1).Adapter
		require.NoError(t, s.Restore(filepath.Join(c.OutputDir, name)))
	}
}

func TestLossFalls(t *testing.T) {
	c := config(t.TempDir())
	c.Epochs, c.Schedule = 30, "constant"
	j := job(t, lora, 2)
	r, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	require.Positive(t, r.EvalBefore)
	require.Less(t, r.Loss, r.EvalBefore*0.9)
}

func TestConfigReportsAllErrors(t *testing.T) {
	err := Config{}.Validate()
	for _, want := range []string{
		"model_name_or_path is missing", "dataset is missing", "output_dir is missing", `finetuning_type is ""`,
		"per_device_train_batch_size is 0",
	} {
		require.ErrorContains(t, err, want)
	}
	c := Defaults()
	c.ModelName, c.Dataset, c.OutputDir = "m", []string{"d"}, "o"
	require.NoError(t, c.Validate())
}
