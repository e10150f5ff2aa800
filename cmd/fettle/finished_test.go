package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

func TestFinishedRunStartedAgainSaysSo(t *testing.T) {
	base, set, out := tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run")
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(set, long, long))
	run := training(base, set, out)
	first := must(t, run...)
	weights := filepath.Join(out, "adapter_model.safetensors")
	before, err := os.Stat(weights)
	require.NoError(t, err)

	code, again, stderr := call("", run...)
	require.Zero(t, code, stderr)
	require.Contains(t, again, "was already finished")
	require.Contains(t, again, "8 of 8 steps, 2 epochs")
	require.Contains(t, first, again[strings.Index(again, "Held-out loss"):strings.Index(again, " Nothing was done")])
	require.Contains(t, again, "chat --adapter_name_or_path "+out)
	require.NotContains(t, again, "steps done")
	require.Empty(t, stderr, "nothing is read")
	after, err := os.Stat(weights)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())

	require.NoError(t, os.Chtimes(set, time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	require.Contains(t, must(t, run...), "was already finished", "only the time of the data changed")
	text, err := os.ReadFile(set)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(set, []byte(strings.Replace(string(text), "say b", "tell b", 1)), 0o644))
	require.NoError(t, os.Chtimes(set, time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	code, _, stderr = call("", run...)
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "the training data changed")
}

func TestMoreEpochsGoOnOrNameTheRoad(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	t.Chdir(filepath.Dir(set)) // the data has a relative path
	for _, method := range []string{"lora", "full"} {
		t.Run(method, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "a run")
			run := training(base, filepath.Base(set), out, "--finetuning_type", method, "--num_train_epochs")
			must(t, append(run, "1")...)
			code, _, stderr := call("", append(run, "3")...)
			require.Equal(t, exitRefused, code)
			require.Contains(t, stderr, "To train its result further")
			require.NotContains(t, stderr, "loading")
			line := stderr[strings.LastIndex(stderr, " train --config"):]
			words := strings.Fields(strings.ReplaceAll(line, "a run", "a_run"))
			for i, w := range words {
				words[i] = strings.Trim(strings.ReplaceAll(w, "a_run", "a run"), "'")
			}
			require.Contains(t, must(t, words...), "steps done", line)
			require.DirExists(t, out+"-2")
		})
	}
	out := filepath.Join(t.TempDir(), "run")
	run := training(base, set, out, "--lr_scheduler_type", "constant", "--num_train_epochs")
	must(t, append(run, "1")...)
	code, said, stderr := call("", append(run, "2")...)
	require.Zero(t, code, stderr)
	require.Contains(t, said, "8 steps done")
	require.Contains(t, stderr, "step 4 of 8")
}
