//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// long starts a run of many steps as a process of its own, calls then once it has a checkpoint, and returns its exit
// code.
func long(t *testing.T, dir string, prepare func(*exec.Cmd), then func(*os.Process)) int {
	base, set := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 64, Layers: 2}), rows(t, 40)
	cmd := exec.Command(os.Args[0], training(base, set, dir, "--save_steps", "20",
		"--save_total_limit", "0", "--max_steps", "20000")...)
	cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
	prepare(cmd)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return isThere(filepath.Join(dir, "checkpoint-000020")) }, time.Minute,
		time.Millisecond)
	then(cmd.Process)
	var exit *exec.ExitError
	require.True(t, errors.As(cmd.Wait(), &exit))
	return exit.ExitCode()
}

func TestHangupAndWarningStopARunAsAnInterruptDoes(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM} {
		if signal.Ignored(s) {
			t.Logf("%v is ignored, as nohup has it", s)
			continue
		}
		dir := filepath.Join(t.TempDir(), "run")
		code := long(t, dir, func(*exec.Cmd) {}, func(p *os.Process) { require.NoError(t, p.Signal(s)) })
		require.Equal(t, exitStopped, code, s)
	}
}

// A pipe that nobody reads any more neither ends a run nor changes how it ends.
func TestARunGoesOnWhenNobodyReadsIt(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	code := long(t, dir, func(c *exec.Cmd) { c.Stdout, c.Stderr = w, w }, func(p *os.Process) {
		require.NoError(t, errors.Join(w.Close(), r.Close()))
		last := filepath.Join(dir, "checkpoint-000300")
		require.Eventually(t, func() bool { return isThere(last) }, time.Minute, time.Millisecond)
		require.NoError(t, p.Signal(syscall.SIGTERM))
	})
	require.Equal(t, exitStopped, code)
}

// nohup has a program ignore that its terminal was closed.
func TestNohupIsRespected(t *testing.T) {
	nohup, err := exec.LookPath("nohup")
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	code := long(t, dir, func(c *exec.Cmd) { c.Path, c.Args = nohup, append([]string{nohup}, c.Args...) },
		func(p *os.Process) {
			require.NoError(t, p.Signal(syscall.SIGHUP))
			last := filepath.Join(dir, "checkpoint-000300")
			require.Eventually(t, func() bool { return isThere(last) }, time.Minute, time.Millisecond)
			require.NoError(t, p.Signal(syscall.SIGTERM))
		})
	require.Equal(t, exitStopped, code)
}

// The demonstration examines its model and says so before the run begins.
func TestTheDemonstrationGoesOnWhenNobodyReadsIt(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(os.Args[0], "demo", "--max_steps", "1", "--output_dir", dir)
	cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1")
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, r.Close())
	require.NoError(t, cmd.Run())
	require.NoError(t, w.Close())
	require.FileExists(t, filepath.Join(dir, "adapter_model.safetensors"))
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAResultThatIsLostIsAnError(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--help"}, {"help", "train"}, {"plan", "--probe", "0"}, {"inspect"},
		{"init", "--output", "-"}} {
		var stderr strings.Builder
		require.Equal(t, exitIO, run("fettle", args, strings.NewReader(""), fullDisk{}, &stderr), args)
		require.Contains(t, stderr.String(), "the disk is full", args)
	}
}
