package main

import (
	"fmt"
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

// Commands that write one file take no input for it, whatever --force says.
func TestFilesThatAreWrittenNeverReplaceInputs(t *testing.T) {
	dir := t.TempDir()
	base, set := tiny(t, tinymodel.Config{}), rows(t, 8)
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	must(t, training(base, set, first, "--max_steps", "1")...)
	require.NoError(t, os.CopyFS(second, os.DirFS(first)))
	config, prompts, text := filepath.Join(dir, "run.yaml"), filepath.Join(dir, "prompts"), filepath.Join(dir, "text.gguf")
	for path, content := range map[string]string{config: "seed: 1\n", prompts: "a\n", text: "Once upon a time.\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	linked := filepath.Join(dir, "linked.jsonl")
	require.NoError(t, os.Symlink(set, linked))
	run := []string{"--model_name_or_path", base, "--dataset", set}
	with := func(command string, more ...string) []string {
		return append(append([]string{command}, run...), more...)
	}
	weights := filepath.Join(base, "model.safetensors")
	for name, c := range map[string]struct {
		kept string
		args []string
	}{
		"a page over the data":           {set, with("inspect", "--html", set)},
		"a page over a link to the data": {set, with("inspect", "--html", linked)},
		"a page over the base":           {weights, with("inspect", "--html", weights)},
		"a config over the data":         {set, with("init", "--output", set, "--force")},
		"a config over that of the base": {filepath.Join(base, "config.json"), with("init", "--output",
			filepath.Join(base, "config.json"), "--force")},
		"a config over the prompts": {prompts, with("init", "--output", prompts, "--force", "--sample_prompts",
			"@"+prompts)},
		"a report over the base":   {weights, with("doctor", "--output_file", weights)},
		"a report over the config": {config, with("doctor", "--output_file", config, "--config", config)},
		"curves over weights": {filepath.Join(first, "adapter_model.safetensors"), []string{"runs", "compare", first, second,
			"--html", filepath.Join(first, "adapter_model.safetensors")}},
		"a model over the text of its certificate": {text, []string{"convert", "--input", base, "--format", "gguf",
			"--output_dir", text, "--certificate_data", text, "--force"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := os.ReadFile(c.kept)
			require.NoError(t, err)
			code, _, stderr := call("", c.args...)
			require.Equal(t, exitUsage, code, stderr)
			require.Contains(t, stderr, "would be replaced: name another file")
			after, err := os.ReadFile(c.kept)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
	page := filepath.Join(base, "page.html")
	for range 2 {
		must(t, with("inspect", "--html", page)...)
	}
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

	config := filepath.Join(t.TempDir(), "config.yaml")
	settings := fmt.Sprintf("model_name_or_path: %s\ndataset: %s\noutput_dir: %s\n", base, set, filepath.Dir(config))
	require.NoError(t, os.WriteFile(config, []byte(settings), 0o600))

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
		"the config": {filepath.Dir(config), []string{"train", "--config", config}, "replace its config"},
		"the data":   {filepath.Dir(metrics), training(base, metrics, filepath.Dir(metrics)), "replace its data"},
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
