package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// A run without save_steps that is stopped keeps the step that it has finished.
func TestAStoppedRunKeepsItsLastStep(t *testing.T) {
	want := finish(t, config(t.TempDir()), job(t, lora, 1))
	c := config(t.TempDir())
	c.SaveSteps, c.LoggingSteps = 0, 1
	ctx, cancel := context.WithCancel(context.Background())
	j, steps := job(t, lora, 1), 0
	j.Steps = zerolog.New(lines(func(line string) {
		if strings.Contains(line, `"loss"`) {
			if steps++; steps == 3 {
				cancel()
			}
		}
	}))
	_, err := Run(ctx, c, j)
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorContains(t, err, "stopped after step 3 of 6")
	require.Equal(t, []string{checkpoint.Name(3)}, checkpoint.List(c.OutputDir))
	require.NoError(t, sound(filepath.Join(c.OutputDir, checkpoint.Name(3))))
	require.Equal(t, want, finish(t, c, job(t, lora, 1)))
}

func TestARunSweepsWhatAnInterruptedOneLeft(t *testing.T) {
	c := config(t.TempDir())
	for _, name := range []string{".tmp-1", ".del-" + checkpoint.Name(1)} {
		require.NoError(t, os.Mkdir(filepath.Join(c.OutputDir, name), 0o755))
	}
	finish(t, c, job(t, lora, 1))
	entries, err := os.ReadDir(c.OutputDir)
	require.NoError(t, err)
	for _, e := range entries {
		require.False(t, strings.HasPrefix(e.Name(), ".tmp-") || strings.HasPrefix(e.Name(), ".del-"), e.Name())
	}
}

// The loss is finite, one of the two is not.
func TestAGradientThatIsNotFiniteIsNoticed(t *testing.T) {
	for name, gradient := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(1)} {
		t.Run(name, func(t *testing.T) {
			c, j := config(t.TempDir()), job(t, lora, 1)
			c.SaveSteps, j.Evaluation = 1, nil
			j.Objective.Loss = func(s Scores) (float64, []float64) { return s.NLL[0], []float64{gradient} }
			_, err := Run(context.Background(), c, j)
			require.ErrorIs(t, err, ErrNotFinite)
			require.Regexp(t, `step 1: loss is \d\S*, gradient norm (NaN|\+Inf)`, err)
			require.ErrorContains(t, err, "Nothing was learned before: look at")
			require.Empty(t, checkpoint.List(c.OutputDir))
		})
	}
}

func TestAHeldOutLossThatIsNotFiniteIsNoticed(t *testing.T) {
	for name, loss := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(1)} {
		t.Run(name, func(t *testing.T) {
			c, j := config(t.TempDir()), job(t, lora, 1)
			j.Evaluation = j.Evaluation[:1]
			held := j.Evaluation[0].Learned()
			for i, e := range j.Training { // none that looks like it
				if e.Learned() == held {
					j.Training[i] = j.Training[(i+1)%len(j.Training)]
				}
			}
			j.Objective.Loss = func(s Scores) (float64, []float64) {
				if s.Learned[0] == held {
					return loss, []float64{1}
				}
				return s.NLL[0], []float64{1}
			}
			_, err := Run(context.Background(), c, j)
			require.ErrorIs(t, err, ErrNotFinite)
			require.ErrorContains(t, err, "step 0: held-out loss is ")
		})
	}
}

// Metrics go to a device that is always full: the run ends as every run, and its reports are whole.
func TestMetricsThatCannotBeWrittenNeverStopARun(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no device that is always full")
	}
	whole, c := config(t.TempDir()), config(t.TempDir())
	finish(t, whole, job(t, lora, 1))
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(c.OutputDir, report.LogFile)))
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("x")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	_, err = Run(context.Background(), c, job(t, lora, 1))
	require.NoError(t, err)
	for _, name := range []string{"adapter_model.safetensors", "adapter_config.json"} {
		want, err := os.ReadFile(filepath.Join(whole.OutputDir, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(c.OutputDir, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), name)
	}
}

// A disk that takes nothing any more keeps what it holds.
func TestAFullDiskKeepsTheCheckpointBefore(t *testing.T) {
	c := config(t.TempDir())
	full := errors.New("no space left")
	result, err := runOn(context.Background(), &filling{left: 1, err: full}, c, job(t, lora, 1))
	require.ErrorIs(t, err, full)
	require.Equal(t, 4, result.Steps, "the run ends with the checkpoint that finds no room")
	names := checkpoint.List(c.OutputDir)
	require.Equal(t, []string{checkpoint.Name(2)}, names)
	require.NoError(t, sound(filepath.Join(c.OutputDir, names[0])))
	left, err := filepath.Glob(filepath.Join(c.OutputDir, ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// filling takes so many checkpoints' optimizer files and then nothing.
type filling struct {
	atomicfile.OS
	left int
	err  error
}

func (f *filling) WriteFile(path string, content atomicfile.Content) error {
	if filepath.Base(path) == optimizerFile {
		f.left--
	}
	if f.left < 0 {
		return f.err
	}
	return f.OS.WriteFile(path, content)
}
