package train

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/train/report"
)

// Whatever call of the disk fails while a result is written, over an earlier one too, the run is finished only where
// its result is there, all of it; otherwise the same command writes it again.
func TestAResultIsThereWholeOrNotAtAll(t *testing.T) {
	for _, method := range []adapter.Method{lora, adapter.Full{}} {
		t.Run(method.Name(), func(t *testing.T) {
			c := config(t.TempDir())
			// with is a run with a file whose name comes late.
			with := func(text string) Job {
				j := job(t, method, 1)
				j.Beside = map[string][]byte{"vocab.json": []byte(text)}
				return j
			}
			c.Schedule, c.MaxSteps = "constant", 4
			finish(t, c, with("4"))
			earlier := t.TempDir()
			require.NoError(t, os.CopyFS(filepath.Join(earlier, "run"), os.DirFS(c.OutputDir)))
			c.MaxSteps = 6
			want, again := finish(t, c, with("6")), with("6")
			unfinished := 0
			for n := 1; ; n++ {
				// The checkpoint of step 6 and the result of step 4: an export that did not begin.
				restore(t, filepath.Join(earlier, "run"), c.OutputDir)
				at, err := c.Stands(nil)
				require.NoError(t, err)
				require.False(t, at.Finished, "the result is of step 4")

				left, failed := n, ""
				_, err = runOn(context.Background(), failing{left: &left, failed: &failed, err: syscall.EIO}, c, again)
				at, wrong := c.Stands(nil)
				require.NoError(t, wrong)
				if at.Finished {
					require.Equal(t, want, outcome(t, c.OutputDir), "call %d: %s", n, failed)
					text, err := os.ReadFile(filepath.Join(c.OutputDir, "vocab.json"))
					require.NoError(t, err)
					require.Equal(t, "6", string(text), "call %d: %s", n, failed)
				} else {
					require.Error(t, err)
					unfinished++
				}
				if left > 0 {
					require.True(t, at.Finished)
					break
				}
			}
			require.Greater(t, unfinished, 10)
		})
	}
}

// restore puts the files of from, without its directories and metrics, into to.
func restore(t *testing.T, from, to string) {
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != report.LogFile {
			text, err := os.ReadFile(filepath.Join(from, e.Name()))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), text, 0o644))
		}
	}
}

// A file of a result that somebody removed is written again.
func TestARemovedResultIsWrittenAgain(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			c, j := config(t.TempDir()), job(t, method, 1)
			want := finish(t, c, j)
			entries, err := os.ReadDir(c.OutputDir)
			require.NoError(t, err)
			for _, e := range entries {
				if ext := filepath.Ext(e.Name()); ext != ".json" && ext != ".safetensors" {
					continue
				}
				require.NoError(t, os.Remove(filepath.Join(c.OutputDir, e.Name())))
				at, err := c.Stands(nil)
				require.NoError(t, err)
				require.False(t, at.Finished, e.Name())
				require.Equal(t, want, finish(t, c, j), e.Name())
				require.FileExists(t, filepath.Join(c.OutputDir, e.Name()))
			}
		})
	}
}
