package train

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCheckpoint puts any bytes into a checkpoint's manifest or, under a manifest
// that vouches for them, into its state: it is passed over or refused, or the run
// goes on to its end.
func FuzzCheckpoint(f *testing.F) {
	c := config(f.TempDir())
	c.Epochs, c.SaveSteps = 1, 2
	j := job(f, lora, 1)
	finish(f, c, j)
	last := filepath.Join(c.OutputDir, checkpointName(2))
	manifestText, err := os.ReadFile(filepath.Join(last, manifestFile))
	require.NoError(f, err)
	stateText, err := os.ReadFile(filepath.Join(last, stateFile))
	require.NoError(f, err)
	var sound manifest
	require.NoError(f, json.Unmarshal(manifestText, &sound))
	f.Add(manifestText, false)
	f.Add(stateText, true)
	f.Add([]byte(`{"step": -1, "config": null}`), true)
	f.Add([]byte(`{"step": 1000000000000}`), true)
	f.Add([]byte(`{"files": {"../../x": {"size": 0}}, "self": ""}`), false)
	f.Fuzz(func(t *testing.T, text []byte, isState bool) {
		dir := t.TempDir()
		into := filepath.Join(dir, checkpointName(2))
		require.NoError(t, os.CopyFS(into, os.DirFS(last)))
		if isState {
			m := sound
			m.Files = map[string]fileEntry{stateFile: {len(text), digest(text)}}
			for name, entry := range sound.Files {
				if name != stateFile {
					m.Files[name] = entry
				}
			}
			m.Self = m.digest()
			vouching, err := json.Marshal(m)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(into, stateFile), text, 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(into, manifestFile), vouching, 0o644))
		} else {
			require.NoError(t, os.WriteFile(filepath.Join(into, manifestFile), text, 0o644))
		}
		again := c
		again.OutputDir = dir
		j.Out = io.Discard
		if _, err := Run(context.Background(), again, j); err == nil {
			require.FileExists(t, filepath.Join(dir, MetricsFile))
		}
	})
}
