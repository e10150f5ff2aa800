package train

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/train/checkpoint"
)

var update = flag.Bool("update", false, "write checkpoints of the current format into testdata if they are missing")

// goldenConfig returns the settings of the run that the checkpoints in testdata are of.
func goldenConfig(t *testing.T) Config {
	t.Chdir(t.TempDir())
	c := config("run")
	c.SaveSteps = 4
	return c
}

// testdata/checkpoints/format-N/method holds a checkpoint of each format that there has been, and is never changed:
// they load for ever. go test ./train -run TestCheckpointsOfEveryFormatLoad -update writes those of a new format.
func TestCheckpointsOfEveryFormatLoad(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("testdata", "checkpoints"))
	require.NoError(t, err)
	for _, name := range []string{"LoRA", "LLaMA-Adapter"} {
		t.Run(name, func(t *testing.T) {
			method := dry(methods[name])
			c := goldenConfig(t)
			finish(t, c, job(t, method, 1))
			text, err := os.ReadFile(filepath.Join(c.OutputDir, checkpoint.Name(4), "MANIFEST.json"))
			require.NoError(t, err)
			var m struct{ Format int }
			require.NoError(t, json.Unmarshal(text, &m))
			current := filepath.Join(root, fmt.Sprint("format-", m.Format), method.Name(), checkpoint.Name(4))
			if _, err := os.Stat(current); os.IsNotExist(err) && *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(current), 0o755))
				require.NoError(t, os.CopyFS(current, os.DirFS(filepath.Join(c.OutputDir, checkpoint.Name(4)))))
			}
			require.DirExists(t, current, "write it with -update")
			all, err := filepath.Glob(filepath.Join(root, "format-*", method.Name(), checkpoint.Name(4)))
			require.NoError(t, err)
			require.Len(t, all, m.Format, "one of each format")
			for _, from := range all {
				continues(t, from, method)
			}
		})
	}
}

// continues takes a run up from a checkpoint of step 4 and compares its last two steps with those of a whole run.
func continues(t *testing.T, from string, method adapter.Method) {
	whole := goldenConfig(t)
	finish(t, whole, job(t, method, 1))
	want := historyOf(t, whole.OutputDir)
	c := goldenConfig(t)
	require.NoError(t, os.CopyFS(filepath.Join(c.OutputDir, checkpoint.Name(4)), os.DirFS(from)))
	s, err := peek(from)
	require.NoError(t, err)
	j, said := job(t, method, 1), ""
	j.Inputs = s.Inputs // whatever tests write as their base by then
	j.Log = zerolog.New(lines(func(line string) { said += line }))
	_, err = Run(context.Background(), c, j)
	require.NoError(t, err)
	require.Contains(t, said, "continuing from "+filepath.Join(c.OutputDir, checkpoint.Name(4)))
	got := historyOf(t, c.OutputDir)
	require.Len(t, got.Steps, 2, "steps 5 and 6")
	for i, row := range got.Steps { // other processors round in another way
		require.InDelta(t, want.Steps[4+i].Loss, row.Loss, 1e-4)
		require.InDelta(t, want.Steps[4+i].GradNorm, row.GradNorm, 1e-3)
	}
}
