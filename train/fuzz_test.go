package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/atomicfile"
	"fettle/train/checkpoint"
)

// FuzzCheckpoint replaces a checkpoint's manifest and state by arbitrary bytes. Verify accepts only the manifest that
// was written, and readState only a state of this run within its steps.
func FuzzCheckpoint(f *testing.F) {
	c, in := config("runs/x"), Inputs{Base: "b", Training: "t"}
	stateText, err := json.Marshal(state{Step: 3, Evaluated: -1, Config: c, Inputs: in})
	require.NoError(f, err)
	files := map[string]atomicfile.Content{
		stateFile: atomicfile.Bytes(stateText), "adapter_config.json": atomicfile.Bytes([]byte("{}")),
	}
	dir := f.TempDir()
	require.NoError(f, checkpoint.Write(atomicfile.OS{}, dir, 3, files))
	manifestText, err := os.ReadFile(filepath.Join(dir, checkpoint.Name(3), "MANIFEST.json"))
	require.NoError(f, err)
	for _, s := range []string{
		string(stateText), `{"step": -1, "config": null}`, `{"step": 1000000000000}`, `{"config": {"Seed": -1}}`, "", "null",
	} {
		f.Add(manifestText, []byte(s))
	}
	f.Add([]byte(`{"format": 1, "files": {"../../x": {"size": 0}}, "self": ""}`), stateText)
	f.Fuzz(func(t *testing.T, manifest, text []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "MANIFEST.json"), manifest, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, stateFile), text, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte("{}"), 0o644))
		if checkpoint.Verify(dir) == nil {
			require.Equal(t, string(stateText), string(text), "only the manifest that was written verifies")
		}
		s, err := readState(dir, c, in, &steps{n: 12, total: 6})
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, s.Step >= 1 && s.Step <= 6, s.Step)
		require.True(t, s.Watch.BestStep >= 0 && s.Watch.BestStep <= s.Step, s.Watch.BestStep)
		require.Equal(t, in, s.Inputs)
	})
}
