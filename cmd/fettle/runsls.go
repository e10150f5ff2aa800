package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/internal/human"
	"fettle/internal/machine"
	"fettle/internal/plainerror"
	"fettle/internal/suggest"
	"fettle/train/history"
)

// listSettings holds the settings of runs ls.
type listSettings struct {
	Sort string `yaml:"sort" group:"output" help:"order: changed (newest first), name, loss (lowest held-out loss first), time (longest first) or size (largest first)"`
	JSON bool   `yaml:"json" help:"print JSON lines, a run each"`
}

// orders lists the values of sort.
func orders() map[string]func(a, b history.Run) int {
	best := func(r history.Run) float64 {
		if r.BestLoss == 0 {
			return 1e300 // those without evaluation come last
		}
		return r.BestLoss
	}
	return map[string]func(a, b history.Run) int{
		"changed": func(a, b history.Run) int { return b.Changed.Compare(a.Changed) },
		"name":    func(a, b history.Run) int { return strings.Compare(a.Path, b.Path) },
		"loss":    func(a, b history.Run) int { return cmp.Compare(best(a), best(b)) },
		"time":    func(a, b history.Run) int { return cmp.Compare(b.Seconds, a.Seconds) },
		"size":    func(a, b history.Run) int { return cmp.Compare(b.Bytes, a.Bytes) },
	}
}

func newRunsLs() *cobra.Command {
	how := listSettings{Sort: "changed"}
	cmd := &cobra.Command{
		Use:     "ls [DIR…]",
		Aliases: []string{"list"},
		Short:   "List runs: how they stand, and what came out",
		Long: `List the runs below directories, or those in runs: their state, steps, losses,
when they last did something, training time and size on disk. A terminal shows
the columns that it has room for; a pipe gets all.

States: running (by the process that holds its lock), stopped (or killed: the
same command continues it), finished, failed, damaged. best is the lowest
held-out loss.`,
		Example: "  fettle runs\n  fettle runs ls --sort loss\n  fettle runs ls old/runs --json",
		Args:    cobra.ArbitraryArgs,
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	s := addSettings(cmd, &how)
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		if err := load(cmd, s); err != nil {
			return err
		}
		how.JSON = how.JSON || speaksJSON(cmd)
		return listRuns(cmd, dirs, how)
	}
	return cmd
}

func listRuns(cmd *cobra.Command, dirs []string, how listSettings) error {
	order, ok := orders()[how.Sort]
	if !ok {
		names := []string{"changed", "name", "loss", "time", "size"}
		return usage(fmt.Errorf("sort is %q, want %s%s", how.Sort, strings.Join(names, ", "),
			suggest.DidYouMean(how.Sort, names, "")))
	}
	usual := len(dirs) == 0
	if usual {
		dirs = []string{runsDir}
	}
	var all history.Found
	for _, dir := range dirs {
		found, err := history.Find(filepath.Clean(dir))
		switch {
		case os.IsNotExist(err) && usual:
		case os.IsNotExist(err):
			return missingf("%s: there is no such directory", dir)
		case err != nil:
			return fmt.Errorf("read %s: %w", dir, err)
		}
		all.Runs = append(all.Runs, found.Runs...)
		all.Others, all.Unread = append(all.Others, found.Others...), append(all.Unread, found.Unread...)
	}
	slices.SortStableFunc(all.Runs, order)
	for _, err := range all.Unread {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", human.Plain(plainerror.Text(err)))
	}
	out := cmd.OutOrStdout()
	if how.JSON {
		encoder := json.NewEncoder(out)
		for _, r := range all.Runs {
			if err := encoder.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all.Runs) == 0 {
		text := fmt.Sprintf("No run is in %s.", human.Plain(strings.Join(dirs, ", ")))
		if usual {
			text = fmt.Sprintf("No run is in the directory %s yet. This makes one, of the built-in model:\n  %s", runsDir,
				commandLine(cmd, "demo"))
		}
		fmt.Fprintln(out, text)
	} else {
		prefix := ""
		if len(dirs) == 1 {
			prefix = filepath.Clean(dirs[0]) + string(filepath.Separator)
		}
		room := 0
		if machine.IsTerminal(out) {
			room = machine.Width(out)
		}
		t := runTable{room: room, prefix: prefix, now: time.Now(), colour: room > 0 && os.Getenv("NO_COLOR") == ""}
		io.WriteString(out, t.String(all.Runs))
		noteRuns(out, all.Runs)
	}
	if len(all.Others) > 0 {
		var names []string
		for _, o := range all.Others[:min(len(all.Others), mostListed)] {
			names = append(names, fmt.Sprintf("%s (%s)", human.Plain(o.Path), o.What))
		}
		if more := len(all.Others) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		fmt.Fprintf(out, "No runs: %s.\n", strings.Join(names, ", "))
	}
	return nil
}

// noteRuns writes what a table has no room for: who is running, and what is wrong.
func noteRuns(out io.Writer, runs []history.Run) {
	var bytes int64
	said, more := 0, 0
	for _, r := range runs {
		bytes += r.Bytes
		text := ""
		switch {
		case r.State == history.Running && r.Owner.Process > 0:
			text = r.Owner.String()
		case r.Trouble != "":
			text = firstLine(r.Trouble)
		default:
			continue
		}
		if said++; said > mostListed {
			more++
			continue
		}
		fmt.Fprintf(out, "%s, %s: %s\n", human.Plain(r.Path), r.State, human.Plain(text))
	}
	if more > 0 {
		fmt.Fprintf(out, "%d more of such; fettle runs show explains each.\n", more)
	}
	fmt.Fprintf(out, "%s, %s.\n", human.Plural(len(runs), "run"), human.Bytes(bytes))
}
