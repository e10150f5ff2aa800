package train

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

// poisoned is a job whose loss is not a number on one example, the only one with twelve learned tokens.
func poisoned(t *testing.T) Job {
	j := job(t, lora, 1)
	bad := data.Example{Source: "x.jsonl:6"}
	for i := range int32(13) {
		bad.Tokens, bad.Labels = append(bad.Tokens, i), append(bad.Labels, i)
	}
	bad.Labels[0] = data.Ignore
	j.Training[5] = bad
	j.Objective.Loss = func(s Scores) (float64, []float64) {
		if s.Learned[0] == 12 {
			return math.NaN(), []float64{math.NaN()}
		}
		return s.NLL[0], []float64{1}
	}
	return j
}

func TestAStepThatIsNotFiniteNamesItsExamples(t *testing.T) {
	_, err := Run(context.Background(), config(t.TempDir()), poisoned(t))
	require.ErrorIs(t, err, ErrNotFinite)
	require.Regexp(t, `step \d: loss is NaN, gradient norm NaN`, err)
	require.Regexp(t, `begin in the gradient of base_model\.\S+, with x\.jsonl:6 `, err)
	require.ErrorContains(t, err, "--on_nan skip")
}

func TestStepsThatAreNotFiniteAreLeftOut(t *testing.T) {
	for _, how := range []string{onNaNSkip, onNaNRollback} {
		t.Run(how, func(t *testing.T) {
			c := config(t.TempDir())
			c.OnNaN, c.SaveSteps = how, 1
			j, warned := poisoned(t), 0
			j.Log = zerolog.New(writer(func() { warned++ })).Level(zerolog.WarnLevel)
			if how == onNaNRollback { // there must be a checkpoint
				j.Training[5], j.Training[4] = j.Training[4], j.Training[5]
				c.Shuffle = false
			}
			whole := finish(t, c, j)
			require.Equal(t, 2, warned, "once in each epoch")
			s, err := readState(filepath.Join(c.OutputDir, checkpoint.Name(6)), c, j.Inputs, newSteps(c, len(j.Training)))
			require.NoError(t, err)
			require.Equal(t, 2, s.NotFinite)
			require.Equal(t, 2, s.Skipped)
			require.Positive(t, s.Loss)

			names := checkpoint.List(c.OutputDir)
			for _, name := range names[1:] { // as if the run had been killed
				require.NoError(t, os.RemoveAll(filepath.Join(c.OutputDir, name)))
			}
			j = poisoned(t)
			if how == onNaNRollback {
				j.Training[5], j.Training[4] = j.Training[4], j.Training[5]
			}
			require.Equal(t, whole, finish(t, c, j))
		})
	}
}

// A rollback takes back the steps since the checkpoint, and nothing that is not finite is kept.
func TestARollbackReturnsToTheCheckpointsWeights(t *testing.T) {
	c := config(t.TempDir())
	c.OnNaN, c.EvalSteps, c.SaveSteps = onNaNRollback, 3, 2
	j, hurt := job(t, lora, 1), false
	j.Log = zerolog.New(writer(func() { // the evaluation of step 3
		if checkpoint.Verify(filepath.Join(c.OutputDir, checkpoint.Name(2))) == nil && !hurt {
			j.Adapter.Params()[0].Data[0], hurt = float32(math.NaN()), true
		}
	}))
	_, err := Run(context.Background(), c, j)
	require.NoError(t, err)
	require.True(t, hurt)
	s, err := readState(filepath.Join(c.OutputDir, checkpoint.Name(6)), c, j.Inputs, newSteps(c, len(j.Training)))
	require.NoError(t, err)
	require.Equal(t, 2, s.Skipped, "steps 3 and 4")
	require.Equal(t, 1, s.NotFinite)
}

func TestARunThatIsNeverFiniteEnds(t *testing.T) {
	for _, how := range []string{onNaNSkip, onNaNRollback} {
		c, j := config(t.TempDir()), job(t, lora, 1)
		c.OnNaN, c.Epochs, j.Evaluation = how, 20, nil
		j.Objective.Loss = func(s Scores) (float64, []float64) { return math.Inf(1), []float64{1} }
		_, err := Run(context.Background(), c, j)
		require.ErrorIs(t, err, ErrNotFinite)
		want := map[string]string{onNaNSkip: "10 steps before it", onNaNRollback: "there is no checkpoint yet"}[how]
		require.ErrorContains(t, err, want)
	}
}

// AdamW's first step is as long as the rate, whatever the gradient.
func TestUpdatesThatAreNotFiniteAreNeverSaved(t *testing.T) {
	c, j := config(t.TempDir()), job(t, lora, 1)
	c.SaveSteps, c.LearningRate, c.WarmupRatio = 1, 1e39, 0
	_, err := Run(context.Background(), c, j)
	require.ErrorIs(t, err, ErrNotFinite)
	require.ErrorContains(t, err, "step 1: new values of ")
	require.Empty(t, checkpoint.List(c.OutputDir))
}

// A checkpoint of an older program may hold weights or moments that are not finite.
func TestResumePassesOverCheckpointsThatAreNotFinite(t *testing.T) {
	c := config(t.TempDir())
	whole := finish(t, c, job(t, lora, 1))
	newest := filepath.Join(c.OutputDir, checkpoint.Name(6))
	path := filepath.Join(newest, optimizerFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(text[len(text)-4:], math.Float32bits(float32(math.Inf(1))))
	resign(t, newest, optimizerFile, text)
	require.NoError(t, checkpoint.Verify(newest))
	j, said := job(t, lora, 1), ""
	j.Log = zerolog.New(lines(func(line string) { said += line }))
	_, err = Run(context.Background(), c, j)
	require.NoError(t, err)
	require.Contains(t, said, `"checkpoint":"`+checkpoint.Name(6)+`","error":"`+optimizerFile)
	require.Equal(t, whole, outcome(t, c.OutputDir))
}

type lines func(string)

func (l lines) Write(p []byte) (int, error) { l(string(p)); return len(p), nil }

// resign replaces a file of a checkpoint and what its manifest says of it.
func resign(t *testing.T, dir, name string, text []byte) {
	files := map[string]atomicfile.Content{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name() != "MANIFEST.json" {
			old, err := os.ReadFile(filepath.Join(dir, e.Name()))
			require.NoError(t, err)
			files[e.Name()] = atomicfile.Bytes(old)
		}
	}
	files[name] = atomicfile.Bytes(text)
	require.NoError(t, checkpoint.Write(atomicfile.OS{}, filepath.Dir(dir), 6, files))
}
