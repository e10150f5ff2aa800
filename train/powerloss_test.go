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
)

// A whole run on a disk that loses what is not synced: at every moment the newest checkpoint is as new as the run knew
// it to be saved, a finished run's adapter is there, and runs that continue end with the same bits.
func TestPowerLossNeverLosesARun(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	set := func() Config {
		c := config(t.TempDir())
		c.Epochs, c.SaveSteps, c.SaveLimit = 1, 1, 2
		c.SamplePrompts, c.SampleSteps = []string{"a"}, 1
		return c
	}
	newJob := func() Job {
		j := job(t, lora, 1)
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
