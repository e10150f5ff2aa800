package train

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/train/checkpoint"
)

func TestLongerRunEqualsOneThatWasBegunSo(t *testing.T) {
	for reason, set := range map[string]func(*Config){
		"constant":                    func(c *Config) { c.Schedule = "constant" },
		"after its warm-up":           func(c *Config) { c.Schedule, c.WarmupSteps = "constant_with_warmup", 2 },
		"inverse_sqrt":                func(c *Config) { c.Schedule, c.WarmupSteps = "inverse_sqrt", 1 },
		"with the best of evaluation": func(c *Config) { c.Schedule, c.LoadBest, c.SaveSteps = "constant", true, 3 },
	} {
		t.Run(reason, func(t *testing.T) {
			whole, parts := config(t.TempDir()), config(t.TempDir())
			set(&whole)
			set(&parts)
			want := finish(t, whole, job(t, lora, 1))
			parts.MaxSteps = 4 // where no evaluation is due but at the end
			finish(t, parts, job(t, lora, 1))
			parts.MaxSteps = 0
			require.Equal(t, want, finish(t, parts, job(t, lora, 1)))

			last := checkpoint.Name(6)
			a, err := peek(filepath.Join(whole.OutputDir, last))
			require.NoError(t, err)
			b, err := peek(filepath.Join(parts.OutputDir, last))
			require.NoError(t, err)
			require.Equal(t, a.Watch, b.Watch, "an evaluation that was due at the end alone is forgotten")
			require.Equal(t, a.Config.MaxSteps, b.Config.MaxSteps)
		})
	}
}

func TestLongerRunIsRefusedWhereItsRatesDiffer(t *testing.T) {
	for _, name := range []string{"cosine", "linear", "polynomial", "constant_with_warmup"} {
		c := config(t.TempDir())
		c.Schedule, c.WarmupRatio = name, 0.5
		finish(t, c, job(t, lora, 1))
		c.Epochs = 3
		_, err := c.Stands(nil)
		require.ErrorIs(t, err, ErrLonger, name)
		_, err = Run(context.Background(), c, job(t, lora, 1))
		require.ErrorIs(t, err, ErrLonger, name)
		require.ErrorContains(t, err, "the run was begun with 6, is at 6 and would now have 9")
		c.Epochs, c.MaxSteps = 1, 6 // the same number in other words
		finish(t, c, job(t, lora, 1))
	}
}

func TestShorterRunIsRefused(t *testing.T) {
	c := config(t.TempDir())
	c.Schedule = "constant"
	finish(t, c, job(t, lora, 1))
	c.MaxSteps = 5
	_, err := c.Stands(nil)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "it is of step 6, the run has 5")
}

func TestStandingTellsWhatIsLeft(t *testing.T) {
	c := config(t.TempDir())
	at, err := c.Stands(nil)
	require.NoError(t, err)
	require.Zero(t, at, "nothing was begun")
	j := job(t, lora, 1)
	r, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	at, err = c.Stands(nil)
	require.NoError(t, err)
	require.True(t, at.Finished)
	require.Equal(t, []any{6, 6, r.EvalBefore, r.EvalAfter}, []any{at.Step, at.Steps, at.EvalBefore, at.EvalAfter})
	require.False(t, at.Saved.IsZero())

	for reason, change := range map[string]func(*Config){
		"another result": func(c *Config) { c.LoadBest, c.SaveSteps = true, 3 },
		"the result is absent": func(c *Config) {
			require.NoError(t, os.Remove(filepath.Join(c.OutputDir, adapter.RecordFile)))
		},
	} {
		t.Run(reason, func(t *testing.T) {
			c := c
			change(&c)
			at, err := c.Stands(nil)
			require.NoError(t, err)
			require.False(t, at.Finished)
		})
	}
	in := j.Inputs
	in.Base = "of weights that were not read"
	_, err = c.Stands(&in)
	require.NoError(t, err)
	in.Training = "other rows"
	_, err = c.Stands(&in)
	require.ErrorContains(t, err, "the training data changed")
	c.Resume = "none"
	_, err = c.Stands(nil)
	require.ErrorContains(t, err, "already holds a run")
}
