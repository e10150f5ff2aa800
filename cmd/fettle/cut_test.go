//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fettle/internal/mapped"
	"fettle/internal/tinymodel"
	"fettle/model/serve"
)

// A base that is cut short under a run ends it with the state kept; put back, it continues to the same bits.
func TestABaseThatIsCutShortStopsARun(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 64, Layers: 2}), rows(t, 40)
	flags := []string{"--save_steps", "2", "--num_train_epochs", "8", "--compute", "f32"}
	whole, run := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, whole, flags...)...)

	path := filepath.Join(base, "model.safetensors")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(run, "checkpoint-000002")); err == nil {
				break
			}
		}
		if err := os.Truncate(path, 4096); err != nil {
			t.Error(err)
		}
	}()
	var stderr bytes.Buffer
	require.Equal(t, exitIO, execute(training(base, set, run, flags...), nil, io.Discard, &stderr), stderr.String())
	<-begun
	require.Contains(t, stderr.String(), "was cut short")
	require.Contains(t, stderr.String(), "the state is kept")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	must(t, training(base, set, run, flags...)...)
	require.Equal(t, outcome(t, whole), outcome(t, run))
}

func TestABaseThatIsCutShortIsAnErrorOfTheServer(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 64, Intermediate: 64})
	e := served(t, source{Model: base, Compute: "f32"})
	path := filepath.Join(base, "model.safetensors")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	request := serve.Request{Model: e.Models()[0], Prompt: "say a"}
	want, _ := reply(t, e, request)
	require.NoError(t, os.Truncate(path, 4096))
	other := request
	other.Prompt = "say something else"
	_, err = e.Answer(t.Context(), other, func(string) error { return nil })
	require.ErrorIs(t, err, mapped.ErrCut)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	got, _ := reply(t, e, request)
	require.Equal(t, want, got)
}
