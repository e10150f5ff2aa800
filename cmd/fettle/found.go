package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/identify"
)

// foundRun is a run in the directory runs, or a model or an adapter that lies there.
type foundRun struct {
	path  string
	model bool // a whole model, not an adapter
	about string
	when  time.Time // of the last change
}

// flags returns the flag that gives the run to a command, and its value.
func (f foundRun) flags() []string {
	if f.model {
		return []string{"--model_name_or_path", f.path}
	}
	return []string{"--adapter_name_or_path", f.path}
}

// runsHere lists the runs that have a result or a checkpoint: the working directory, if it is one, and those in its
// directory runs, the newest first.
func runsHere() (all []foundRun) {
	inside, _ := os.ReadDir("runs")
	paths := []string{"."}
	for _, e := range inside {
		paths = append(paths, filepath.Join("runs", e.Name()))
	}
	for _, path := range paths {
		at, unfinished := path, ""
		if identify.Of(path).Kind == identify.Run {
			checkpoints := identify.Checkpoints(path)
			if len(checkpoints) == 0 {
				continue
			}
			at, unfinished = checkpoints[len(checkpoints)-1], ", unfinished"
		}
		isAdapter := adapter.FormOf(at) != ""
		if !isDir(at) || !isAdapter && !identify.Holds(at, identify.Model) {
			continue
		}
		f := foundRun{path: path, model: !isAdapter, about: "a model" + unfinished}
		if r, err := adapter.ReadRecord(at); err == nil && r.Type != "" {
			f.about = r.Type + unfinished
			if r.Base != "" {
				f.about = fmt.Sprintf("%s on %s%s", r.Type, filepath.Base(r.Base), unfinished)
			}
		}
		for _, dir := range []string{path, at} {
			if info, err := os.Stat(dir); err == nil && info.ModTime().After(f.when) {
				f.when = info.ModTime()
			}
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b foundRun) int { return b.when.Compare(a.when) })
	return all
}

// newestRun makes the newest run the source, and names the others.
func (s *source) newestRun(cmd *cobra.Command) error {
	all := runsHere()
	if len(all) == 0 {
		return usage(fmt.Errorf("no model is given (--model_name_or_path, --adapter_name_or_path), and no run is in the "+
			"directory runs yet.\nTo tune the built-in model and chat with it, in less than a minute:\n  %s\n"+
			"To let it continue a text as it is:\n  %s", commandLine(cmd, "demo"), commandLine(cmd, "generate",
			"--model_name_or_path", builtin.Name, "--raw", "--prompt", "Lena lives in")))
	}
	newest := all[0]
	if newest.model {
		s.Model = newest.path
	} else {
		s.Adapter = newest.path
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Using %s, the newest run here (%s).\n", newest.path, newest.about)
	if len(all) > 1 {
		fmt.Fprintln(cmd.ErrOrStderr(), "Others are chosen by their flags:")
	}
	for _, f := range all[1:min(len(all), mostListed+1)] {
		fmt.Fprintf(cmd.ErrOrStderr(), "  %s %s\n", f.flags()[0], quote(f.path, runtime.GOOS))
	}
	return nil
}

// mostListed is the number of runs that a listing shows.
const mostListed = 5

// nothingGiven is the error of a command that writes what it makes of a run and was given none. It lists the runs, as
// the command with an output, in which %s is the run's name.
func nothingGiven(cmd *cobra.Command, what, output string, models bool) error {
	all := slices.DeleteFunc(runsHere(), func(f foundRun) bool { return f.model && !models })
	if len(all) == 0 {
		return usage(fmt.Errorf("%s. No run is in the directory runs yet; this makes one, of the built-in model:\n  %s", what,
			commandLine(cmd, "demo")))
	}
	lines := []string{what + ". For the runs here, the newest first:"}
	for _, f := range all[:min(len(all), mostListed)] {
		name := cmp.Or(strings.Trim(filepath.Base(f.path), "."), "run")
		lines = append(lines, "  "+commandLine(cmd, append(append([]string{cmd.Name()}, f.flags()...), "--output",
			fmt.Sprintf(output, name))...))
	}
	return usage(errors.New(strings.Join(lines, "\n")))
}
