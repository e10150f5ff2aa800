package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// However many examples are to be held out, something is left to learn from.
func TestHoldingOutLeavesSomethingToLearn(t *testing.T) {
	const same = `{"instruction": "say a", "input": "", "output": "aa"}` + "\n"
	base := tiny(t, tinymodel.Config{})
	for _, c := range []struct {
		name, size, set string
		flags           []string
	}{
		{"all but a fraction", "0.999", rows(t, 14), nil},
		{"half", "7", rows(t, 14), nil},
		{"rows that all say the same", "2", file(t, "same.json", strings.Repeat(same, 8)), nil},
		{"pieces of one long row", "1", file(t, "long.txt", strings.Repeat("abc ", 99)), []string{
			"--dataset_format", "text", "--max_seq_length", "40"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			flags := training(base, c.set, out, "--val_size", c.size, "--num_train_epochs", "1", "--allow", "duplicate")
			must(t, append(flags, c.flags...)...)
			learned := 0
			text, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
			require.NoError(t, err)
			for line := range strings.Lines(string(text)) {
				var row struct {
					Learned int `json:"learned_tokens"`
				}
				require.NoError(t, json.Unmarshal([]byte(line), &row))
				learned += row.Learned
			}
			require.Positive(t, learned)
		})
	}
}

func TestHoldingOutMoreThanIsLeftIsRefused(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	for size, want := range map[string]string{
		"8": "val_size is 8, which leaves 6 of 14 examples", "13": "val_size is 13, which leaves 1 of 14 examples",
		"14": "none is left for training", "100": "none is left for training",
	} {
		for _, command := range []string{"train", "plan"} {
			out := filepath.Join(t.TempDir(), "run")
			flags := training(base, set, out, "--val_size", size)
			code, _, stderr := call("", append([]string{command}, flags[1:]...)...)
			require.Equal(t, exitUsage, code, stderr)
			require.Contains(t, stderr, want)
			require.NoDirExists(t, out)
		}
	}
}
