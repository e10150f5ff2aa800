package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// TestMain lets the test binary be the program, so that it can be killed, by itself too.
func TestMain(m *testing.M) {
	if os.Getenv("FETTLE_TEST_RUN") != "" {
		if after, err := time.ParseDuration(os.Getenv("KILLED_AFTER")); err == nil {
			killMyself(after, os.Getenv("KILLED_IN"), os.Getenv("KILLED_STACKS"))
		}
		os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// outcome returns the results that do not depend on interruptions: the weights' bytes, the metrics without times, and
// the best checkpoint.
func outcome(t *testing.T, dir string) string {
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	weights, err := os.ReadFile(files[0])
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	require.NoError(t, err)
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		delete(row, "elapsed_seconds")
		delete(row, "tokens_per_second")
		delete(row, "eval_seconds")
		fmt.Fprintln(&b, row)
	}
	best, err := os.Readlink(filepath.Join(dir, "best"))
	require.NoError(t, err)
	return fmt.Sprintf("%x\n%s%s", sha256.Sum256(weights), b.String(), best)
}

// A run is killed, or interrupted, at random moments, each attempt with another
// number of processors, until it is through.
func TestKilledRunsEndWithTheSameBits(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 64, Layers: 4}), rows(t, 40)
	for method, signal := range map[string]syscall.Signal{"lora": syscall.SIGKILL, "llama-adapter": syscall.SIGINT} {
		t.Run(fmt.Sprintf("%s, %v", method, signal), func(t *testing.T) {
			flags := []string{"--finetuning_type", method, "--save_steps", "2", "--eval_steps", "2", "--num_train_epochs", "3",
				"--load_best_model_at_end", "--save_total_limit", "1", "--early_stopping_patience", "4",
				"--sample_prompts", "say b, then c", "--sample_prompts", "say d", "--sample_steps", "3",
				"--sample_max_new_tokens", "3"}
			if method == "lora" {
				flags = append(flags, "--lora_dropout", "0.1")
			}
			whole := filepath.Join(t.TempDir(), "run")
			began := time.Now()
			must(t, training(base, set, whole, flags...)...)
			took := time.Since(began)
			rng, killed := rand.New(rand.NewPCG(1, 1)), 0
			for trial := range 3 {
				out := filepath.Join(t.TempDir(), "run")
				for attempt := 0; ; attempt++ {
					cmd := exec.Command(os.Args[0], training(base, set, out, flags...)...)
					cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1", fmt.Sprint("GOMAXPROCS=", 1+attempt%3))
					require.NoError(t, cmd.Start())
					if attempt < 25 {
						timer := time.AfterFunc(time.Duration(rng.Float64()*float64(took)*0.8),
							func() { cmd.Process.Signal(signal) })
						defer timer.Stop()
					}
					err := cmd.Wait()
					if err == nil {
						break
					}
					killed++
					var exit *exec.ExitError
					require.True(t, errors.As(err, &exit))
					if signal == syscall.SIGINT && exit.ExitCode() >= 0 {
						require.Equal(t, exitStopped, exit.ExitCode())
					}
				}
				require.Equal(t, outcome(t, whole), outcome(t, out), "trial %d", trial)
			}
			t.Logf("stopped %d times", killed)
		})
	}
}
