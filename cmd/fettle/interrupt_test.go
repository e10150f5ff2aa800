//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/console"
	"fettle/internal/tinymodel"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

// Ctrl-C ends every command on a line of its own, in words, with the exit code of what can be started again.
func TestAnInterruptEndsEveryCommand(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 128, Layers: 4, MaxPositions: 4096}), rows(t, 24)
	run := training(base, set, filepath.Join(t.TempDir(), "run"), "--num_train_epochs", "2000")
	babbler, stopped := babbling(t), filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, stopped, "--max_steps", "1")...)
	for name, c := range map[string]struct {
		args  []string
		until string // the interrupt comes when this is shown; "": after a second
		said  string
	}{
		"train, in a step": {run, "step 3/", "fettle: train: stopped after step "},
		"demo, before it learns": {[]string{"demo", "--output_dir", filepath.Join(t.TempDir(), "demo")},
			"pre-training texts state.", "fettle: demo: stopped before it was done"},
		"plan, in its probe": {append([]string{"plan", "--probe", "100000"}, run[1:]...), "Loading the weights",
			"fettle: plan: stopped before it was done"},
		"doctor, in its self-test": {[]string{"doctor"}, "checking kernels", "fettle: doctor: stopped before it was done"},
		"doctor, in a run": {append([]string{"doctor", "--self_test=false"}, run[1:]...), "checking gradient",
			"fettle: doctor: stopped before it was done"},
		"bench": {[]string{"bench", "train", "--shape", base, "--steps", "1000000"}, "",
			"fettle: bench train: stopped before it was done"},
		"generate, in an answer": {[]string{"generate", "--model_name_or_path", babbler, "--raw", "--prompt", "a",
			"--max_new_tokens", "16000"}, "bbb", "fettle: generate: stopped after "},
		"runs rm, while it asks": {[]string{"runs", "rm", stopped}, "[y/N]",
			"fettle: runs rm: stopped before it was done"},
		"serve": {[]string{"serve", "--model_name_or_path", base, "--port", "0"}, "Ctrl-C ends", "fettle: serve: stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			s := onTerminal(t, 200, c.args...)
			if c.until == "" {
				time.Sleep(time.Second)
			}
			s.see(c.until)
			s.send("\x03")
			shown := s.see(c.said)
			require.True(t, strings.HasSuffix(shown, "\n"+c.said), "%q", shown)
			ended, rest := s.end()
			require.Equal(t, exitStopped, ended, rest)
			require.NotContains(t, rest, "context canceled")
		})
	}
}

// In a pipe that both streams share, what is said about the stop begins a line, too.
func TestAStoppedAnswerEndsItsLine(t *testing.T) {
	cmd := exec.Command(os.Args[0], "generate", "--model_name_or_path", babbling(t), "--recipe", "alpaca", "--prompt", "a",
		"--max_new_tokens", "15000")
	cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 3))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Regexp(t, `^b*\nfettle: generate: stopped after [1-9][\d,]* tokens? of the answer\n$`, string(rest))
	require.Error(t, cmd.Wait())
	require.Equal(t, exitStopped, cmd.ProcessState.ExitCode())
}

// babbling returns a model that answers "bbb…" without end.
func babbling(t *testing.T) string {
	dir := tiny(t, tinymodel.Config{Hidden: 128, Intermediate: 256, Layers: 8, MaxPositions: 1 << 14})
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	b, ok := tok.ID("b")
	require.True(t, ok)
	var others []int32
	for id := range int32(tinymodel.TokenizerSize) {
		if id != b {
			others = append(others, id)
		}
	}
	text, err := json.Marshal(map[string]any{"suppress_tokens": others})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, chat.GenerationFile), text, 0o600))
	return dir
}

func TestOnlyWhatHoldsOnIsWaitedFor(t *testing.T) {
	var ctx context.Context
	var cancel func()
	var shown strings.Builder
	say := console.New(&shown, &shown)
	for name, c := range map[string]struct {
		work func(context.Context) error
		want error
	}{
		"it goes on for ever": {func(context.Context) error { cancel(); select {} }, context.Canceled},
		"it saves": {func(ctx context.Context) error {
			defer hold(ctx, "Saving.")()
			cancel()
			time.Sleep(patience * 3 / 2)
			return train.ErrStopped
		}, train.ErrStopped},
		"it has written something": {func(ctx context.Context) error {
			achieved(ctx, "x is written")
			cancel()
			select {}
		}, train.ErrStopped},
		"it ends by itself": {func(ctx context.Context) error { cancel(); return ctx.Err() }, context.Canceled},
	} {
		ctx, cancel = context.WithCancel(t.Context())
		require.ErrorIs(t, interruptible(ctx, say, c.work), c.want, name)
		cancel()
	}
	require.Equal(t, "Saving.\n", shown.String())
	err := inWords(errors.Join(errors.New("read"), context.Canceled), "merge")
	require.EqualError(t, err, "merge: stopped before it was done; the same command starts again")
	require.Equal(t, exitStopped, code(err))
}
