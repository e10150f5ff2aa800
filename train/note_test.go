package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
	"fettle/train/journal"
)

// events lists what a journal says, and the steps.
func events(t *testing.T, dir string) (all []journal.Entry, events []journal.Event, steps []int) {
	all, err := journal.Read(dir)
	require.NoError(t, err)
	for _, e := range all {
		events, steps = append(events, e.Event), append(steps, e.Step)
		require.WithinDuration(t, time.Now(), e.Time, time.Hour)
		require.Equal(t, 6, e.Steps)
	}
	return all, events, steps
}

func TestTheJournalSaysWhatRanOnWhatAndHowItWent(t *testing.T) {
	c := config(t.TempDir())
	c.LoggingSteps = 1
	ctx, cancel := context.WithCancel(context.Background())
	j := job(t, lora, 1)
	j.Program, j.Machine = journal.Program{Version: "1", SHA256: "p"}, journal.Machine{Host: "h", Processor: "x"}
	j.Record.Compute, j.Record.Template, j.Settings, j.Made = "cpu f32", "tt", []byte("seed: 1\n"), []string{"made.json"}
	j.Steps = zerolog.New(lines(func(line string) {
		if strings.Contains(line, `"step":3,`) {
			cancel()
		}
	}))
	_, err := Run(ctx, c, j)
	require.ErrorIs(t, err, ErrStopped)
	finish(t, c, job(t, lora, 1))
	all, happened, steps := events(t, c.OutputDir)
	require.Equal(t, []journal.Event{journal.Begun, journal.Stopped, journal.Continued, journal.Finished}, happened)
	require.Equal(t, []int{0, 3, 3, 6}, steps)
	first, next, last := all[0], all[2], all[3]
	require.Equal(t, &j.Program, first.Program)
	require.Equal(t, &journal.Machine{Host: "h", Processor: "x", Compute: "cpu f32"}, first.Machine)
	require.Equal(t, os.Getpid(), first.Process)
	require.Equal(t, []string{"made.json"}, first.Files)
	require.Equal(t, &journal.Hashes{
		Base: j.Inputs.Content, Training: "t", Template: "tt", Evaluation: setHash(j.Evaluation),
		Settings: "adf0396d435b4047092c20dada268d22d8db7f192fe2a8a9a283c9e9dea6af54", // sha256sum of the line
	}, first.Hashes)
	require.Equal(t, checkpoint.Name(3), next.From)
	require.Contains(t, last.Files, "adapter_model.safetensors")
	s, err := ReadSaved(filepath.Join(c.OutputDir, checkpoint.Name(6)))
	require.NoError(t, err)
	require.True(t, s.Ended)
	require.Equal(t, []any{6, 6, 2.0}, []any{s.Step, s.Steps, s.Epochs})
	require.Equal(t, s.Loss, last.Result.Loss)
	require.Equal(t, s.EvalAfter, last.Result.EvalAfter)
	require.Equal(t, first.Hashes.Evaluation, s.Evaluation)
}

func TestTheJournalSaysWhySteppingWentWrong(t *testing.T) {
	c := config(t.TempDir())
	_, err := Run(context.Background(), c, poisoned(t))
	require.ErrorIs(t, err, ErrNotFinite)
	all, happened, _ := events(t, c.OutputDir)
	require.Equal(t, []journal.Event{journal.Begun, journal.Failed}, happened)
	require.Contains(t, all[1].Reason, "x.jsonl:6")

	c = config(t.TempDir())
	c.OnNaN = onNaNSkip
	finish(t, c, poisoned(t))
	all, happened, _ = events(t, c.OutputDir)
	require.Equal(t, []journal.Event{journal.Begun, journal.Skipped, journal.Skipped, journal.Finished}, happened)
	require.Regexp(t, "^loss is NaN.*: not a finite number$", all[1].Reason)
}

func TestAJournalThatCannotBeWrittenNeverStopsARun(t *testing.T) {
	c, whole := config(t.TempDir()), config(t.TempDir())
	require.NoError(t, os.Mkdir(filepath.Join(c.OutputDir, journal.File), 0o755))
	require.Equal(t, finish(t, whole, job(t, lora, 1)), finish(t, c, job(t, lora, 1)))
}

// The result of a run whose checkpoints were removed is not overwritten by the same command.
func TestAResultWithoutCheckpointsIsKept(t *testing.T) {
	c, j := config(t.TempDir()), job(t, lora, 1)
	j.Record.Version = "1"
	finish(t, c, j)
	require.NoError(t, checkpoint.Remove(atomicfile.OS{}, c.OutputDir, checkpoint.List(c.OutputDir)))
	require.NoError(t, journal.Append(c.OutputDir, journal.Entry{Event: journal.Pruned}))
	for _, resume := range []string{"auto", "none"} {
		c.Resume = resume
		_, err := Run(context.Background(), c, job(t, lora, 1))
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "fettle runs rm")
		_, err = c.Stands(nil)
		require.ErrorIs(t, err, ErrRefused)
	}
}

func TestALockIsHeldAndSeenToBe(t *testing.T) {
	dir := t.TempDir()
	held := func() (bool, Owner) {
		o, held, err := Held(dir)
		require.NoError(t, err)
		return held, o
	}
	is, _ := held()
	require.False(t, is, "there is no lock file")
	unlock, err := Lock(dir)
	require.NoError(t, err)
	is, o := held()
	require.True(t, is)
	require.Equal(t, os.Getpid(), o.Process)
	_, err = Lock(dir)
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, unlock())
	is, _ = held()
	require.False(t, is)
}
