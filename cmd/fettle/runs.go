package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/human"
	"fettle/internal/identify"
	"fettle/internal/suggest"
	"fettle/train/history"
)

// runsDir is where runs are looked for.
const runsDir = "runs"

func newRuns() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List, explain, compare and remove runs",
		Long: `List, explain, compare and remove the runs in a directory.

fettle runs is fettle runs ls. A run is named by its directory, or by its name
in the directory runs.`,
		Example: `  fettle runs
  fettle runs show first
  fettle runs compare first second --html compare.html
  fettle runs rm second`,
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Annotations: map[string]string{aloneNote: "ls"},
	}
	cmd.AddCommand(newRunsLs(), newRunsShow(), newRunsCompare(), newRunsRm())
	return cmd
}

// aloneNote annotates a command with the subcommand that it stands for where none is given.
const aloneNote = "fettle_alone"

// alone inserts the subcommand that a command stands for where none is given.
func alone(root *cobra.Command, args []string) []string {
	cmd, rest, err := root.Find(args)
	if err != nil || cmd.Annotations[aloneNote] == "" || len(rest) == len(args) {
		return args
	}
	if len(rest) > 0 && (!strings.HasPrefix(rest[0], "-") || slices.Contains([]string{"-h", "--help"}, rest[0])) {
		return args
	}
	return slices.Insert(slices.Clone(args), 1, cmd.Annotations[aloneNote])
}

// runNames completes the names of runs in a shell.
func runNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	found, _ := history.Find(runsDir)
	for _, r := range found.Runs {
		if name, err := filepath.Rel(runsDir, r.Path); err == nil && !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveDefault
}

// runsAt returns the directories of the runs that words name, each once.
func runsAt(cmd *cobra.Command, words []string) ([]string, error) {
	var paths []string
	for _, word := range words {
		path, err := runAt(word)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(paths, func(p string) bool { return sameFile(p, path) }) {
			paths = append(paths, path)
		}
	}
	if len(paths) > 0 {
		return paths, nil
	}
	text := "no run is named"
	if names, _ := runNames(cmd, nil, ""); len(names) > 0 {
		text += ". Runs here: " + strings.Join(names[:min(len(names), mostListed)], ", ")
	}
	return nil, usage(fmt.Errorf("%s\n%s lists all", text, commandLine(cmd, "runs")))
}

// runAt returns the directory of the run that a word names: a path, or a name in the directory runs.
func runAt(word string) (string, error) {
	if word == "" { // an unset variable of a shell, which would be the current directory
		return "", usage(errors.New("the name of a run is empty: . names the current directory"))
	}
	path := filepath.Clean(word)
	if _, err := os.Lstat(path); err != nil && !filepath.IsAbs(path) {
		if inside := filepath.Join(runsDir, path); isThere(inside) {
			path = inside
		}
	}
	_, err := os.Stat(path)
	switch {
	case err != nil && errors.Is(err, os.ErrPermission):
		return "", fmt.Errorf("run %s: %w", path, err)
	case err != nil:
		names, _ := runNames(nil, nil, "")
		return "", missingf("run %s: there is no such directory%s", word, suggest.DidYouMean(word, names, ""))
	case identify.Of(path).Kind == identify.Checkpoint:
		return "", input(fmt.Errorf("%s is a checkpoint: give its run, %s", path, filepath.Dir(path)))
	}
	return path, nil
}

// notRun explains a directory that is none of a run.
func notRun(path string, err error) error {
	if !errors.Is(err, history.ErrNoRun) {
		return err
	}
	return input(fmt.Errorf("%s is no run of fettle, but %s: give the output_dir of a fettle train", path,
		identify.Of(path).What))
}

// openRuns reads the runs that words name.
func openRuns(cmd *cobra.Command, words []string, verify bool) ([]*history.Detail, error) {
	paths, err := runsAt(cmd, words)
	var all []*history.Detail
	for _, path := range paths {
		d, err := history.Open(path, verify)
		if err != nil {
			return nil, notRun(path, err)
		}
		all = append(all, d)
	}
	return all, err
}

// shownPath writes the path of a run, and where it leads if it is a link.
func shownPath(r history.Run) string {
	if r.Link != "" {
		return human.Plain(r.Path + " → " + r.Link)
	}
	return human.Plain(r.Path)
}
