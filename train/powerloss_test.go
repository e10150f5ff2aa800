package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/powerloss"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// saved returns the step of a checkpoint, 0 for none.
func saved(path string) (step int) {
	fmt.Sscanf(filepath.Base(path), "checkpoint-%d", &step)
	return step
}

// A whole run on a disk that loses what is not synced: at every moment the newest checkpoint is as new as the run knew
// it to be saved, with the rows of the log up to it, the best one is there, a finished run's adapter is there, and runs
// that continue end with the same bits.
func TestPowerLossNeverLosesARun(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	set := func() Config {
		c := config(t.TempDir())
		c.Epochs, c.SaveSteps, c.EvalSteps, c.SaveLimit = 1, 1, 1, 1 // so that the best checkpoints before are removed
		c.SamplePrompts, c.SampleSteps = []string{"a"}, 1
		return c
	}
	newJob := func() Job {
		j := job(t, lora, 1)
		j.Evaluation = j.Training // whose loss falls
		j.Sample = func(context.Context, string) (string, error) { return "b", nil }
		return j
	}
	whole, c := set(), set()
	want := finish(t, whole, newJob())
	d, j := powerloss.New(c.OutputDir), newJob()
	d.Most = 32
	j.Sample = func(context.Context, string) (string, error) { // after the checkpoint of the step before
		if saved := checkpoint.List(c.OutputDir); len(saved) > 0 {
			d.Acknowledge(saved[len(saved)-1])
		}
		return "b", nil
	}
	_, err := runOn(context.Background(), d, c, j)
	require.NoError(t, err)
	require.Equal(t, want, outcome(t, c.OutputDir))
	best, err := os.Readlink(filepath.Join(c.OutputDir, bestLink))
	require.NoError(t, err)
	require.Equal(t, checkpoint.Name(3), best, "it moves")
	d.Acknowledge("finished")
	result, err := os.ReadFile(filepath.Join(c.OutputDir, adapter.WeightsFile))
	require.NoError(t, err)

	work, resumed := t.TempDir(), 0
	states, err := d.States(work, func(dir string, said []string) error {
		newest := checkpoint.Newest(dir, sound, func(string, error) {})
		for _, what := range said {
			if what != "finished" && filepath.Base(newest) < what {
				return fmt.Errorf("%s was saved, the newest is %q", what, newest)
			}
		}
		rows, err := report.ReadLog(dir)
		if step := saved(newest); step > 0 && (err != nil || len(rows.Steps) < step) {
			return fmt.Errorf("%s is there, and %d rows of the log: %v", newest, len(rows.Steps), err)
		}
		if best, err := os.Readlink(filepath.Join(dir, bestLink)); err == nil && sound(filepath.Join(dir, best)) != nil {
			return fmt.Errorf("the best checkpoint, %s, is gone", best)
		}
		if slices.Contains(said, "finished") {
			left, err := os.ReadFile(filepath.Join(dir, adapter.WeightsFile))
			if err != nil || string(left) != string(result) {
				return fmt.Errorf("the run had finished, and its adapter is gone: %v", err)
			}
		}
		if newest != "" && resumed < 4 && len(said) > resumed/2 { // some of them continue
			resumed++
			c := c
			c.OutputDir, c.Resume = dir, "auto"
			if _, err := Run(context.Background(), c, newJob()); err != nil {
				return err
			}
			left, err := os.ReadFile(filepath.Join(dir, adapter.WeightsFile))
			if err != nil || string(left) != string(result) {
				return fmt.Errorf("the run that continues from %s has other bits: %v", newest, err)
			}
		}
		return nil
	})
	require.NoError(t, err)
	t.Logf("%d different states, %d continued", states, resumed)
	require.Equal(t, 4, resumed)
}
