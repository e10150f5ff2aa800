package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// killMyself ends this process by SIGKILL after d, or where it is next in a function then, and leaves in a file where
// all its goroutines were.
func killMyself(d time.Duration, function, file string) {
	time.AfterFunc(d, func() {
		buffer := make([]byte, 1<<20)
		stacks := buffer[:runtime.Stack(buffer, true)]
		for !bytes.Contains(stacks, []byte(function)) {
			time.Sleep(500 * time.Microsecond)
			stacks = buffer[:runtime.Stack(buffer, true)]
		}
		os.WriteFile(file, stacks, 0o600)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
		}
	})
}

const exporting = "fettle/train.(*run).export("

// phases are the moments of a run by a function that it is in then, the innermost first.
var phases = []struct{ name, function string }{
	{"prune", "fettle/train/checkpoint.Prune("},
	{"checkpoint", "fettle/train/checkpoint.Write("},
	{"export", exporting},
	{"evaluation", "fettle/train.(*run).evaluation("},
	{"sample", "fettle/train.(*run).samples("},
	{"step", "fettle/train.(*run).step("},
	{"resume", "fettle/train.(*run).resume("},
	{"train, between", "fettle/train.Run("},
	{"load", "fettle/cmd/fettle.runTraining("},
}

// phase returns the moment that stacks show. Early kills leave none, or none of a run.
func phase(stacks []byte) string {
	for _, p := range phases {
		if bytes.Contains(stacks, []byte(p.function)) {
			return p.name
		}
	}
	return "start"
}

// Each method is killed 200 times, at moments spread over a run with everything that a run does, each tenth time while
// it writes its result, which is short. What is continued to its end has the bits of the run that nobody killed.
func TestTwoHundredKillsEndWithTheSameBits(t *testing.T) {
	if os.Getenv("FETTLE_LONG") == "" {
		t.Skip("three methods × 200 kills: set FETTLE_LONG")
	}
	const kills = 200
	base, set := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 64, Layers: 4}), rows(t, 40)
	for _, method := range []string{"lora", "llama-adapter", "full"} {
		t.Run(method, func(t *testing.T) {
			flags := []string{"--finetuning_type", method, "--save_steps", "2", "--eval_steps", "2", "--num_train_epochs", "3",
				"--load_best_model_at_end", "--save_total_limit", "1",
				"--sample_prompts", "say b, then c", "--sample_steps", "3", "--sample_max_new_tokens", "3"}
			if method == "lora" {
				flags = append(flags, "--lora_dropout", "0.1")
			}
			rng, met, killed, runs, began := rand.New(rand.NewPCG(2, 2)), map[string]int{}, 0, 0, time.Now()
			// attempt runs to the end, or to a kill after d, and reports whether it is through.
			attempt := func(out string, d time.Duration) bool {
				cmd := exec.Command(os.Args[0], training(base, set, out, flags...)...)
				where := filepath.Join(t.TempDir(), "stacks")
				cmd.Env = append(os.Environ(), "FETTLE_TEST_RUN=1", fmt.Sprint("GOMAXPROCS=", 1+killed%3))
				if d > 0 {
					cmd.Env = append(cmd.Env, "KILLED_AFTER="+d.String(), "KILLED_STACKS="+where)
					if killed%10 == 9 {
						cmd.Env = append(cmd.Env, "KILLED_IN="+exporting)
					}
				}
				text, err := cmd.CombinedOutput()
				if err == nil {
					return true
				}
				var exit *exec.ExitError
				require.True(t, errors.As(err, &exit))
				require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), string(text))
				stacks, _ := os.ReadFile(where)
				met[phase(stacks)]++
				killed++
				return false
			}
			whole := filepath.Join(t.TempDir(), "run")
			require.True(t, attempt(whole, 0))
			took := time.Since(began)
			for want := outcome(t, whole); killed < kills; runs++ {
				out := filepath.Join(t.TempDir(), "run")
				for done := false; !done; {
					d := 1 + time.Duration(rng.Float64()*float64(took))
					if killed == kills {
						d = 0
					}
					done = attempt(out, d)
				}
				require.Equal(t, want, outcome(t, out), "run %d", runs)
			}
			var by []string
			for _, name := range slices.Sorted(maps.Keys(met)) {
				by = append(by, fmt.Sprintf("%s %d", name, met[name]))
			}
			t.Logf("%d kills of %d runs, bits equal, %.0f s: %s", killed, runs, time.Since(began).Seconds(),
				strings.Join(by, ", "))
			for _, name := range []string{"load", "step", "evaluation", "checkpoint", "prune", "export"} {
				require.Positive(t, met[name], "no kill hit: %s", name)
			}
		})
	}
}
