//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// Directories whose names hold what patterns, shells and lists are made of are names like others, in every command.
func TestDirectoriesOfAnyName(t *testing.T) {
	for _, name := range []string{"a [b] *? c", "ü {x,y} 'q' \"d\"", "new\nline", "[unended", "#1 %s $HOME ~"} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), name)
			base, run := filepath.Join(top, "base"), filepath.Join(top, "run")
			require.NoError(t, os.CopyFS(base, os.DirFS(tiny(t, tinymodel.Config{}))))
			text, err := os.ReadFile(rows(t, 8))
			require.NoError(t, err)
			set := filepath.Join(top, "set.jsonl")
			require.NoError(t, os.WriteFile(set, text, 0o644))
			quoted := `"` + strings.ReplaceAll(set, `"`, `""`) + `"` // an element of a list
			flags := func(steps string) []string {
				return training(base, quoted, run, "--lr_scheduler_type", "constant", "--save_steps", "1", "--data_cache",
					filepath.Join(top, "cache"), "--max_steps", steps)
			}
			must(t, append(append([]string{"plan"}, flags("2")[1:]...), "--probe", "0")...)
			must(t, flags("2")...)
			code, _, stderr := call("", flags("4")...)
			require.Zero(t, code, stderr)
			require.Contains(t, stderr, "step 2 of 4", "it continues")
			require.DirExists(t, filepath.Join(run, "checkpoint-000004"))

			answers := filepath.Join(top, "answers.jsonl")
			ask := []string{"generate", "--adapter_name_or_path", run, "--input_file", set, "--output_file", answers,
				"--max_new_tokens", "2", "--seed", "1"}
			must(t, ask...)
			_, _, stderr = call("", ask...)
			require.Contains(t, stderr, "already")
			must(t, "inspect", "--model_name_or_path", base, "--dataset", quoted, "--recipe", "alpaca-lora-short", "--html",
				filepath.Join(top, "page", "x.html"))
			must(t, "merge", "--adapter_name_or_path", `"`+strings.ReplaceAll(run, `"`, `""`)+`"`, "--output_dir",
				filepath.Join(top, "merged"), "--certificate", "no")
			must(t, "generate", "--model_name_or_path", filepath.Join(top, "merged"), "--raw", "--prompt", "a",
				"--max_new_tokens", "2")
			must(t, "runs", "show", run)
		})
	}
}

func TestCachesThatOthersCanWriteAreRefused(t *testing.T) {
	base, set, cache := tiny(t, tinymodel.Config{}), rows(t, 8), filepath.Join(t.TempDir(), "cache")
	flags := training(base, set, filepath.Join(t.TempDir(), "run"), "--max_steps", "1", "--data_cache", cache)
	require.NoError(t, os.Mkdir(cache, 0o700))
	require.NoError(t, os.Chmod(cache, 0o777))
	code, _, stderr := call("", flags...)
	require.Equal(t, exitRefused, code, stderr)
	require.Contains(t, stderr, "data_cache: "+cache+
		" is not a directory that this user alone can write to (its mode is 0777)")
	require.Contains(t, stderr, "chmod go-w "+cache)
	require.Contains(t, stderr, "or name another directory")
	require.NoError(t, os.Chmod(cache, 0o755))
	must(t, flags...)
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(cache, link))
	must(t, append(flags, "--data_cache", link, "--output_dir", filepath.Join(t.TempDir(), "run"))...)
}
