package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// contents returns what the files of a directory hold.
func contents(t *testing.T, dir string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(text)
	}
	return all
}

func TestRunsNeverReplaceTheirInputs(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(base, link))
	run := filepath.Join(t.TempDir(), "run")
	must(t, training(base, set, run, "--max_steps", "1")...)
	metrics := filepath.Join(t.TempDir(), "metrics.jsonl")
	text, err := os.ReadFile(set)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(metrics, text, 0o600))

	for name, c := range map[string]struct {
		kept string
		args []string
		want string
	}{
		"all weights into the base": {base, training(base, set, base, "--finetuning_type", "full"), "its base"},
		"an adapter into the base":  {base, training(base, set, base), "its base"},
		"through a link":            {base, training(link, set, base+"/.", "--finetuning_type", "full"), "its base"},
		"the adapter begun with": {run, append(training(base, set, run), "--adapter_name_or_path", run),
			"the adapter that it starts from"},
		"the data": {filepath.Dir(metrics), training(base, metrics, filepath.Dir(metrics)), "replace its data"},
	} {
		before := map[string]string{}
		if name != "the adapter begun with" { // which has directories
			before = contents(t, c.kept)
		}
		code, _, stderr := call("", c.args...)
		require.Equal(t, exitUsage, code, "%s: %s", name, stderr)
		require.Contains(t, stderr, c.want, name)
		if name != "the adapter begun with" {
			require.Equal(t, before, contents(t, c.kept), name)
		}
	}
}
