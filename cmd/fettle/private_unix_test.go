//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
	"fettle/train"
)

// What users wrote and what models answered is for its owner alone, whatever the umask.
func TestTextsOfUsersAreForTheirOwner(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir, base, set := t.TempDir(), tiny(t, tinymodel.Config{}), rows(t, 4)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, training(base, set, in("run"), "--val_size", "0", "--max_steps", "2", "--data_cache", in("cache"),
		"--sample_steps", "1", "--sample_prompts", "say canary")...)
	must(t, "generate", "--model_name_or_path", base, "--raw", "--input_file", file(t, "in.txt", "say canary\n"),
		"--output_file", in("answers.jsonl"), "--max_new_tokens", "2")
	must(t, "inspect", "--model_name_or_path", base, "--dataset", set, "--recipe", "alpaca-lora-short", "--html",
		in("inspect.html"))
	code, _, said := call("say canary\n/save "+in("talk.jsonl")+"\n/quit\n", "chat", "--model_name_or_path", base,
		"--recipe", "alpaca", "--max_new_tokens", "2")
	require.Zero(t, code, said)
	open := map[string]bool{ // what a run shares, which holds no text of a user beside its settings
		"adapter_model.safetensors": true, "adapter_config.json": true, "fettle.json": true, "tokenizer.model": true,
		"trainer_state.json": true, "config.yaml": true, "journal.jsonl": true, "generation_config.json": true,
	}
	seen := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		switch {
		case d.IsDir() && strings.HasPrefix(d.Name(), "checkpoint-"):
			require.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), path)
			seen++
			return filepath.SkipDir
		case d.Type().IsRegular() && !open[d.Name()]:
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
			seen++
		}
		return nil
	}))
	require.GreaterOrEqual(t, seen, 8, "checkpoint, log, report, events, cache, answers, page, talk")
}

// In a directory that others can write to, links may lie where a run writes.
func TestLinksThatOthersLaidAreNotFollowed(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 4)
	cache, probe := t.TempDir(), filepath.Join(t.TempDir(), "run")
	args := func(out string) []string {
		return training(base, set, out, "--val_size", "0", "--max_steps", "1", "--data_cache", cache)
	}
	must(t, args(probe)...)
	victim := file(t, "victim", "mine")
	lay := func(path string) {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.Symlink(victim, path))
	}
	out := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.Mkdir(out, 0o700))
	kept, err := filepath.Glob(filepath.Join(cache, "*.fettle"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	lay(kept[0])
	files, err := os.ReadDir(probe)
	require.NoError(t, err)
	appended := []string{"metrics.jsonl", "journal.jsonl", train.LockFile}
	for _, f := range files {
		if f.Type().IsRegular() && !slices.Contains(appended, f.Name()) {
			lay(filepath.Join(out, f.Name()))
		}
	}
	call("", args(out)...)
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))

	for _, name := range appended {
		again := filepath.Join(t.TempDir(), "run")
		require.NoError(t, os.Mkdir(again, 0o700))
		empty := file(t, "victim", "") // a file with other rows is replaced, not added to
		require.NoError(t, os.Symlink(empty, filepath.Join(again, name)))
		call("", args(again)...)
		text, err := os.ReadFile(empty)
		require.NoError(t, err)
		require.Empty(t, string(text), name)
	}
}
