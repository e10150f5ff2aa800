package train

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/compute/cpu"
	"fettle/internal/tinymodel"
	"fettle/model"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// trunked returns a job without dropout whose examples have their first twelve tokens in common, some of them learned,
// on a device of its own.
func trunked(t *testing.T, c adapter.Method, compute string, threads int) Job {
	c = dry(c)
	j := job(t, c, 2)
	trunk := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}
	all := slices.Concat(j.Training, j.Evaluation)
	for i := range all {
		labels := slices.Clone(trunk)
		for k := range labels {
			if k%(2+i%3) > 0 {
				labels[k] = data.Ignore
			}
		}
		e := &all[i]
		e.Tokens, e.Labels = slices.Concat(trunk, e.Tokens), slices.Concat(labels, e.Labels)
	}
	n := len(j.Training)
	j.Training, j.Evaluation = all[:n], all[n:]
	dir := t.TempDir()
	require.NoError(t, tinymodel.Write(dir, tinymodel.Config{}, 7))
	dev, err := cpu.New(cpu.Options{Threads: threads, Compute: compute})
	require.NoError(t, err)
	m, err := model.Load(dir, dev)
	require.NoError(t, err)
	if c.Name() == adapter.TypeFull {
		j.Adapter, err = adapter.New(adapter.Full{}, m, 0)
	} else {
		j.Adapter, err = adapter.New(c, m, 1)
	}
	require.NoError(t, err)
	j.Model = j.Adapter.Model()
	return j
}

func TestSharingLearnsTheSame(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			var gradients [2][]float32
			var steps [2]report.StepRow
			for i, share := range []string{"false", "true"} {
				c := config(t.TempDir())
				c.LoRA.Dropout, c.SharePrefix = 0, share
				r := beginning(c, trunked(t, method, "f32", 2))
				gradients[i], steps[i] = gradientOf(t, r, []int{0, 1, 2, 3})
				require.Len(t, r.config.pack(r.job.Training[:2]).Segments, 2+i, "with a shared prefix: the prefix and two rests")
			}
			require.InEpsilon(t, steps[0].Loss, steps[1].Loss, 1e-6)
			require.InEpsilon(t, steps[0].GradNorm, steps[1].GradNorm, 1e-5)
			steps[1].Loss, steps[1].GradNorm = steps[0].Loss, steps[0].GradNorm
			require.Equal(t, steps[0], steps[1], "tokens are counted as in the data")
			require.Less(t, distance(gradients[1], gradients[0]), 1e-5)
		})
	}
}

// Over whole runs, with decay, clipping and evaluations, the rounding differences stay small.
func TestSharedRunsLearnAlike(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			var logs [2]report.History
			var states [2]struct {
				InputTokensSeen int `json:"num_input_tokens_seen"`
			}
			for i, share := range []string{"false", "true"} {
				c := config(t.TempDir())
				c.LoRA.Dropout, c.WeightDecay, c.SharePrefix = 0, 0.01, share
				finish(t, c, trunked(t, method, "f32", 2))
				logs[i] = historyOf(t, c.OutputDir)
				text, err := os.ReadFile(filepath.Join(c.OutputDir, report.TrainerStateFile))
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &states[i]))
			}
			require.Len(t, logs[0].Steps, 6)
			for k, alone := range logs[0].Steps {
				shared := logs[1].Steps[k]
				require.InEpsilon(t, alone.Loss, shared.Loss, 2e-6, "step %d", k+1)
				require.InEpsilon(t, alone.GradNorm, shared.GradNorm, 1e-4, "step %d", k+1)
				require.Equal(t, [2]int{alone.Tokens, alone.LearnedTokens}, [2]int{shared.Tokens, shared.LearnedTokens})
			}
			for k, alone := range logs[0].Evals {
				require.InEpsilon(t, alone.EvalLoss, logs[1].Evals[k].EvalLoss, 2e-6)
			}
			require.Equal(t, states[0].InputTokensSeen, states[1].InputTokensSeen)
		})
	}
}

func TestAutoSharingIsResolved(t *testing.T) {
	base := &model.Config{}
	decided := func(set, device string, dropout float64) string {
		c := Defaults()
		c.SharePrefix = set
		c, err := c.ResolveSharePrefix(device, base, dropout)
		require.NoError(t, err)
		return c.SharePrefix
	}
	for _, d := range []struct {
		device, want string
	}{{"cpu f32 avx512bf16", "false"}, {"cpu bf16 avx2", "true"}, {"cpu int8 neon", "true"},
		{"cpu bf16 avx512bf16", "true"}, {"ref", "false"}} {
		require.Equal(t, d.want, decided("auto", d.device, 0), d.device)
		require.Equal(t, "false", decided("auto", d.device, 0.05), d.device)
		require.Equal(t, "true", decided("true", d.device, 0), d.device)
		require.Equal(t, "false", decided("false", d.device, 0.05), d.device)
	}
	base.RopeScaling = &model.RopeScaling{Type: "dynamic"}
	require.Equal(t, "false", decided("auto", "cpu bf16 avx2", 0), "long sequences cannot share")
}

// A continued adapter has its own dropout, which overrides lora_dropout.
func TestAutoSharingDependsOnTheAdaptersDropout(t *testing.T) {
	for share, compute := range map[string]string{"auto": "bf16", "true": "f32"} {
		c := config(t.TempDir())
		c.LoRA.Dropout, c.SharePrefix = 0, share
		j := trunked(t, lora, compute, 2)
		set, err := adapter.New(lora, j.Model, 1)
		require.NoError(t, err)
		j.Adapter, j.Model = set, set.Model()
		_, err = Run(context.Background(), c, j)
		if share == "true" {
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, "share_prefix is true with lora_dropout 0.1")
			continue
		}
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(c.OutputDir, checkpoint.Name(6), stateFile))
		require.NoError(t, err)
		require.Contains(t, string(text), `"SharePrefix": "false"`)
	}
}

func TestSharingWithDropoutIsRefused(t *testing.T) {
	c := config(t.TempDir())
	c.ModelName, c.Dataset = "m", []string{"d"}
	c.SharePrefix, c.LoRA.Dropout = "true", 0.05
	require.ErrorContains(t, c.Validate(), "share_prefix is true with lora_dropout 0.05")
	c.LoRA.Dropout = 0
	require.NoError(t, c.Validate())
	c.SharePrefix = "yes"
	require.ErrorContains(t, c.Validate(), `share_prefix is "yes", want auto, true, false`)
}

func TestSharedOutcomeIsIndependentOfThreadsAndMemory(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			outcomeOf := func(threads int, keep int64) string {
				c := config(t.TempDir())
				c.LoRA.Dropout, c.SharePrefix = 0, "true"
				j := trunked(t, method, "f32", threads)
				j.Model.Keep(keep)
				return finish(t, c, j)
			}
			want := outcomeOf(2, 0)
			require.Equal(t, want, outcomeOf(1, 0))
			require.Equal(t, want, outcomeOf(3, 1<<30), "activations kept")
		})
	}
}

// A run with shared prefixes resumes to the same bits, but not with other micro-batches.
func TestSharedRunContinues(t *testing.T) {
	c := config(t.TempDir())
	c.LoRA.Dropout, c.Compute = 0, "bf16"
	want := finish(t, c, trunked(t, lora, "bf16", 2))
	d := config(t.TempDir())
	d.LoRA.Dropout, d.Compute = 0, "bf16"
	_, err := Run(&countdown{context.Background(), 9}, d, trunked(t, lora, "bf16", 2))
	require.ErrorIs(t, err, ErrStopped)
	other := d
	other.BatchSize, other.Accumulation = 4, 1
	_, err = Run(context.Background(), other, trunked(t, lora, "bf16", 2))
	require.ErrorContains(t, err,
		"per_device_train_batch_size was 2, is 4, and with share_prefix the results depend on it")
	require.Equal(t, want, finish(t, d, trunked(t, lora, "bf16", 1)))
}

// A run that began without shared prefixes, perhaps before there was the setting, continues without them if
// share_prefix is auto.
func TestContinuedRunKeepsSharePrefix(t *testing.T) {
	begin := func(share string, patience int) (Config, error) {
		c := config(t.TempDir())
		c.LoRA.Dropout, c.SharePrefix = 0, share
		_, err := Run(&countdown{context.Background(), patience}, c, trunked(t, lora, "bf16", 2))
		return c, err
	}
	whole, err := begin("false", 1000)
	require.NoError(t, err)
	c, err := begin("false", 9)
	require.ErrorIs(t, err, ErrStopped)
	c.SharePrefix = "true"
	_, err = Run(context.Background(), c, trunked(t, lora, "bf16", 2))
	require.ErrorContains(t, err, "share_prefix was false, is true")
	c.SharePrefix = "auto"
	require.Equal(t, outcome(t, whole.OutputDir), finish(t, c, trunked(t, lora, "bf16", 2)))
}

func TestWorkloadCountsSharedRowsOnce(t *testing.T) {
	c, all := config(t.TempDir()), trunked(t, lora, "f32", 2).Training
	alone := NewWorkload(c, all, all[:3])
	c.SharePrefix = "true"
	l := NewWorkload(c, all, all[:3])
	require.Equal(t, alone.Rows, alone.All)
	require.Equal(t, alone.All, l.All)
	require.InDelta(t, alone.All-l.Steps*c.Accumulation*12, l.Rows, 2,
		"two sequences of a micro-batch have twelve tokens in common, more by chance")
	require.Less(t, l.Tokens, alone.Tokens)
	require.Less(t, l.Learned, alone.Learned, "a target that two sequences have is one row of the head")
}
