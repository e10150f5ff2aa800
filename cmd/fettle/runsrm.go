package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/atomicfile"
	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/train/history"
)

// removeSettings holds the settings of runs rm.
type removeSettings struct {
	Yes         bool `yaml:"yes" group:"output" alias:"force" help:"remove without asking"`
	Checkpoints bool `yaml:"checkpoints" help:"remove the checkpoints of finished runs and keep their results"`
}

func newRunsRm() *cobra.Command {
	how := removeSettings{}
	cmd := &cobra.Command{
		Use:     "rm RUN…",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove runs, or their checkpoints",
		Long: `Remove whole runs, or with --checkpoints only the checkpoints of finished ones.
It says what goes and what stays, and asks first; without a terminal it needs
--yes. Only what a run has written goes: other files in its directory are named
and kept, and nothing that links lead to is touched. A run that is running stays.`,
		Example:           "  fettle runs rm first\n  fettle runs rm first --checkpoints",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: runNames,
	}
	s := addSettings(cmd, &how)
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		return removeRuns(cmd, words, how)
	}
	return cmd
}

func removeRuns(cmd *cobra.Command, words []string, how removeSettings) error {
	paths, err := runsAt(cmd, words)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	var all []*history.Removal
	var bytes int64
	for _, path := range paths {
		r, err := history.NewRemoval(path, !how.Checkpoints)
		if err != nil {
			return notRun(path, err)
		}
		if how.Checkpoints && r.Checkpoints == 0 {
			fmt.Fprintf(out, "%s has no checkpoints.\n", human.Plain(path))
			continue
		}
		all, bytes = append(all, r), bytes+r.Size
	}
	if len(all) == 0 {
		return nil
	}
	for _, r := range all {
		fmt.Fprint(out, removal(r))
	}
	if !how.Yes {
		if !machine.IsTerminal(cmd.InOrStdin()) || !machine.IsTerminal(out) {
			return usage(errors.New("rm asks before it removes, and there is no terminal to ask on: --yes removes " +
				"without asking"))
		}
		fmt.Fprintf(out, "Remove %s? [y/N] ", human.Bytes(bytes))
		answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			fmt.Fprintln(out, "Nothing was removed.")
			return nil
		}
	}
	defer hold(cmd.Context(), "")()
	for _, r := range all {
		if err := r.Do(atomicfile.OS{}); err != nil {
			return fmt.Errorf("remove %s: %w", r.Path, err)
		}
	}
	fmt.Fprintf(out, "Removed %s.\n", human.Bytes(bytes))
	return nil
}

// removal says what goes and what stays.
func removal(r *history.Removal) string {
	what := fmt.Sprintf("%s (%s, %s steps)", human.Plain(r.Path), r.State, r.Progress())
	if !r.Whole {
		return fmt.Sprintf("%s: %s, %s; the result stays\n", what, human.Plural(r.Checkpoints, "checkpoint"),
			human.Bytes(r.Size))
	}
	text := fmt.Sprintf("%s: all of the run, %s with %s\n", what, human.Bytes(r.Size),
		human.Plural(r.Checkpoints, "checkpoint"))
	if len(r.Stays) > 0 {
		names := human.Plain(strings.Join(r.Stays, ", "))
		text += fmt.Sprintf("  not the run's, and kept with its directory: %s\n", names)
	}
	return text
}
