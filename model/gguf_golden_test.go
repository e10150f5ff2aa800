package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/model"
)

// TestGGUFFilesComputeTheReference holds the logits of every file NAME.TYPE.gguf that has results in NAME.json to those
// of a float64 computation on the dequantized weights.
func TestGGUFFilesComputeTheReference(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "golden", "gguf"), "*.*.gguf"))
	require.NoError(t, err)
	for _, path := range files {
		name, kind, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".gguf"), ".")
		runs := ggufRuns(t, filepath.Join(filepath.Dir(path), name+".json"), kind)
		if len(runs) == 0 {
			continue
		}
		t.Run(name+" "+kind, func(t *testing.T) {
			for device, dev := range devices(t) {
				m, err := model.Load(path, dev)
				require.NoError(t, err)
				for _, run := range runs {
					z, err := m.Logits(model.Pack([][]int32{run.IDs}, nil), []int{len(run.IDs) - 1})
					require.NoError(t, err)
					for i, want := range run.Logits {
						require.InDelta(t, want, z[i], 5e-5, "%s: %q", device, run.Prompt)
					}
				}
			}
		})
	}
}

// ggufRun is a prompt with the logits that follow it.
type ggufRun struct {
	Prompt string
	IDs    []int32
	Logits []float64 `json:"logits_f64"`
}

// ggufRuns reads the runs of a type; there are none where the file has no such entry.
func ggufRuns(t *testing.T, path, kind string) []ggufRun {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	var entry struct{ Runs []ggufRun }
	if json.Unmarshal(all[kind], &entry) != nil {
		return nil
	}
	return entry.Runs
}
