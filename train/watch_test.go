package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

// watching returns the settings of a run with an evaluation and a checkpoint at every step, and with a learning rate so
// high that its best step is not the last.
func watching(dir string) Config {
	c := config(dir)
	c.EvalSteps, c.SaveSteps, c.SaveLimit, c.LoadBest, c.LearningRate = 1, 1, 1, true, 0.2
	return c
}

// bestOf returns the target of the link to the best checkpoint.
func bestOf(t *testing.T, dir string) string {
	to, err := os.Readlink(filepath.Join(dir, bestLink))
	require.NoError(t, err)
	return to
}

// sampled returns a job with samples: the most probable next tokens of the current model.
func sampled(t testing.TB, method adapter.Method, threads int) Job {
	j := job(t, method, threads)
	j.Sample = func(_ context.Context, prompt string) (string, error) {
		s, next, said := j.Model.NewSession(0), []int32{int32(len(prompt))}, ""
		for range 5 {
			logits, err := s.Decode(next)
			if err != nil {
				return "", err
			}
			next = []int32{0}
			for i, v := range logits {
				if v > logits[next[0]] {
					next[0] = int32(i)
				}
			}
			said += fmt.Sprint(next[0], " ")
		}
		return said, nil
	}
	return j
}

func TestSamplesDoNotChangeTheRun(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			plain := config(t.TempDir())
			want := finish(t, plain, job(t, method, 2))
			c := config(t.TempDir())
			c.SamplePrompts, c.SampleSteps = []string{"a", "bcd"}, 1
			var rest strings.Builder
			samples := map[string]bool{}
			for line := range strings.Lines(finish(t, c, sampled(t, method, 2))) {
				if strings.Contains(line, "sample:") {
					samples[line] = true
				} else {
					rest.WriteString(line)
				}
			}
			require.Equal(t, want, rest.String())
			require.Len(t, samples, 14, "two prompts, six steps and before")
			for _, step := range []int{2, 6} {
				for _, file := range []string{optimizerFile} {
					a, err := os.ReadFile(filepath.Join(plain.OutputDir, checkpoint.Name(step), file))
					require.NoError(t, err)
					b, err := os.ReadFile(filepath.Join(c.OutputDir, checkpoint.Name(step), file))
					require.NoError(t, err)
					require.Equal(t, a, b, "%s of step %d", file, step)
				}
			}
		})
	}
}

// An interrupted run has the samples, the best checkpoint and the result of an uninterrupted one.
func TestWatchingSurvivesEveryStop(t *testing.T) {
	set := func(dir string) Config {
		c := watching(dir)
		c.Patience, c.Epochs = 2, 4
		c.SamplePrompts, c.SampleSteps = []string{"a", "bcd"}, 2
		return c
	}
	whole := set(t.TempDir())
	want := finish(t, whole, sampled(t, lora, 2))
	require.Equal(t, "checkpoint-000003", bestOf(t, whole.OutputDir))
	require.Equal(t, []string{"checkpoint-000003", "checkpoint-000005"}, checkpoint.List(whole.OutputDir),
		"stopped two evaluations after the best")
	for patience := 1; patience < 16; patience++ {
		c, stops := set(t.TempDir()), 0
		for done := false; !done; {
			ctx := context.Context(&countdown{context.Background(), patience})
			if stops > 30 {
				ctx = context.Background()
			}
			_, err := Run(ctx, c, sampled(t, lora, 1+stops%3))
			if done = err == nil; !done {
				require.ErrorIs(t, err, ErrStopped)
				stops++
			}
		}
		require.Equal(t, want, outcome(t, c.OutputDir), "patience %d, stopped %d times", patience, stops)
		require.Equal(t, bestOf(t, whole.OutputDir), bestOf(t, c.OutputDir))
	}
}

func TestTheBestCheckpointIsTheResult(t *testing.T) {
	for _, name := range []string{"LoRA", "full"} {
		t.Run(name, func(t *testing.T) {
			method := methods[name]
			c := watching(t.TempDir())
			c.Epochs = 4
			r, err := Run(context.Background(), c, job(t, method, 2))
			require.NoError(t, err)
			require.Less(t, r.Best, r.Steps)
			h := historyOf(t, c.OutputDir)
			for _, e := range h.Evals[1:] {
				require.GreaterOrEqual(t, e.EvalLoss, r.EvalAfter)
			}
			require.Equal(t, h.Evals[r.Best].EvalLoss, r.EvalAfter)
			file := adapter.WeightsFile
			if name == "full" {
				file = "model.safetensors"
			}
			result, err := os.ReadFile(filepath.Join(c.OutputDir, file))
			require.NoError(t, err)
			best, err := os.ReadFile(filepath.Join(c.OutputDir, bestLink, file))
			require.NoError(t, err)
			require.Equal(t, best, result)
			c.LoadBest = false
			_, err = Run(context.Background(), c, job(t, method, 2))
			require.NoError(t, err)
			last, err := os.ReadFile(filepath.Join(c.OutputDir, file))
			require.NoError(t, err)
			require.NotEqual(t, best, last, "run again with the last one as the result")
		})
	}
}

func TestRaisingPatienceContinuesTheRun(t *testing.T) {
	c := watching(t.TempDir())
	c.Epochs, c.Patience = 4, 1
	r, err := Run(context.Background(), c, job(t, lora, 1))
	require.NoError(t, err)
	require.Equal(t, 4, r.Steps)
	r, err = Run(context.Background(), c, job(t, lora, 1))
	require.NoError(t, err)
	require.Equal(t, 4, r.Steps, "a run that has ended is not continued")
	c.Patience = 0
	r, err = Run(context.Background(), c, job(t, lora, 1))
	require.NoError(t, err)
	require.Equal(t, 12, r.Steps)
	whole := watching(t.TempDir())
	whole.Epochs = 4
	require.Equal(t, finish(t, whole, job(t, lora, 1)), outcome(t, c.OutputDir))
}

func TestWatchCountsAsHuggingFace(t *testing.T) {
	type seen struct {
		loss  float64
		stale int
	}
	for _, c := range []struct {
		name      string
		threshold float64
		seen      []seen
	}{
		{"falling", 0, []seen{{3, 0}, {2, 0}, {1, 0}}},
		{"equal is not better", 0, []seen{{3, 0}, {3, 1}, {3, 2}, {2.9, 0}}},
		{"lower by exactly the threshold is not better", 0.5, []seen{{3, 0}, {2.5, 1}, {1.75, 0}}},
		{"below the threshold is not better, but the new measure", 0.5, []seen{{3, 0}, {2.8, 1}, {2.4, 2}, {1.8, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w watch
			for _, s := range c.seen {
				w.evaluated(s.loss, "a", c.threshold)
				require.Equal(t, s.stale, w.Stale, s.loss)
			}
		})
	}
}

func TestTheFirstOfEqualCheckpointsIsTheBest(t *testing.T) {
	var w watch
	for step, loss := range []float64{3, 2, 2, 2.5} {
		w.evaluated(loss, "a", 0)
		w.kept(step+1, loss)
	}
	require.Equal(t, 2, w.BestStep)
}

func TestLossesOfAnotherSetAreNotCompared(t *testing.T) {
	var w watch
	w.evaluated(1, "a", 0)
	w.kept(10, 1)
	w.evaluated(5, "b", 0)
	require.Zero(t, w.Stale)
	require.Empty(t, w.best())
	w.kept(20, 5)
	require.Equal(t, "checkpoint-000020", w.best())
	j := job(t, lora, 1)
	require.NotEqual(t, setHash(j.Evaluation), setHash(j.Training))
}

func TestTheNewestAndTheBestStay(t *testing.T) {
	for _, c := range []struct {
		keep, best int
		left       []int
	}{
		{0, 1, []int{1, 2, 3, 4}},
		{1, 4, []int{4}},
		{1, 2, []int{2, 4}}, // as Hugging Face's trainer
		{2, 1, []int{1, 4}},
		{3, 1, []int{1, 3, 4}},
		{2, 0, []int{3, 4}},
	} {
		dir, want := t.TempDir(), []string{}
		for step := range 4 {
			require.NoError(t, os.Mkdir(filepath.Join(dir, checkpoint.Name(step+1)), 0o755))
		}
		for _, step := range c.left {
			want = append(want, checkpoint.Name(step))
		}
		w := watch{BestStep: c.best}
		require.NoError(t, checkpoint.Prune(atomicfile.OS{}, dir, c.keep, w.best()))
		require.Equal(t, want, checkpoint.List(dir), "keep %d, best %d", c.keep, c.best)
	}
}

func TestRunKeepsSaveTotalLimitCheckpoints(t *testing.T) {
	c := config(t.TempDir())
	c.SaveSteps, c.SaveLimit, c.EvalSteps = 1, 2, 0
	finish(t, c, job(t, lora, 1))
	require.Equal(t, []string{checkpoint.Name(5), checkpoint.Name(6)}, checkpoint.List(c.OutputDir))
}

func TestWatchingNeedsEvaluations(t *testing.T) {
	c := Defaults()
	c.ModelName, c.Dataset, c.OutputDir = "m", []string{"d"}, "o"
	for _, x := range []struct {
		set  func(*Config)
		want string
	}{
		{func(c *Config) { c.Patience, c.EvalSteps = 1, 10 }, "set val_size"},
		{func(c *Config) { c.Patience, c.ValSize = 1, 10 }, "set eval_steps"},
		{func(c *Config) { c.LoadBest, c.ValSize, c.EvalSteps, c.SaveSteps = true, 10, 30, 200 }, "such as 210"},
		{func(c *Config) { c.LoadBest, c.ValSize, c.EvalSteps, c.SaveSteps = true, 10, 30, 0 }, "such as 30"},
		{func(c *Config) { c.BestBy = "accuracy" }, `is "accuracy", want eval_loss`},
		{func(c *Config) { c.Patience = -1 }, "early_stopping_patience is -1"},
	} {
		c := c
		x.set(&c)
		require.ErrorContains(t, c.Validate(), x.want)
	}
	c.LoadBest, c.Patience, c.ValSize, c.EvalSteps, c.SaveSteps = true, 2, 10, 50, 100
	require.NoError(t, c.Validate())
}
