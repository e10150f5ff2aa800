package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fettle/adapter"
	datasource "fettle/data/source"
	"fettle/internal/human"
	"fettle/train"
)

// finished reports whether the run in output_dir is finished, and says so. Without inputs, before the data is read, it
// does so only if no file of the data is newer than the run. The error of a run that may not continue names the road
// that exists.
func (m *runData) finished(cmd *cobra.Command, c train.Config, inputs *train.Inputs) (bool, error) {
	at, err := c.Stands(inputs)
	if errors.Is(err, train.ErrLonger) && !isThere(filepath.Join(c.OutputDir, adapter.RecordFile)) {
		return false, fmt.Errorf("%w\nThe settings that it was begun with continue it", err)
	}
	if errors.Is(err, train.ErrLonger) {
		return false, fmt.Errorf("%w\nTo train its result further, with rates of their own:\n  %s", err, further(cmd, c))
	}
	if err != nil || !at.Finished || inputs == nil && !m.older(c, at.Saved) {
		return false, err
	}
	out := &strings.Builder{}
	fmt.Fprintf(out, "The run in %s was already finished, %s: %s of %s steps, %.4g epochs.", c.OutputDir,
		at.Saved.Format(time.DateTime), human.Count(at.Step), human.Count(at.Steps), at.Epochs)
	if at.EvalAfter > 0 {
		fmt.Fprintf(out, " Held-out loss: %.4f before, %.4f after.", at.EvalBefore, at.EvalAfter)
	}
	fmt.Fprintf(out, " Nothing was done.\nTo train its result further:\n  %s\n", further(cmd, c))
	_, err = io.WriteString(cmd.OutOrStdout(), out.String())
	return true, err
}

// older reports whether the files of the data were last changed before a time.
func (m *runData) older(c train.Config, than time.Time) bool {
	options, files, err := dataOptions(&c)
	if err != nil {
		return false
	}
	held, err := dataFiles(c.EvalDataset, nil, options)
	if err == nil {
		files, err = datasource.Expand(append(files, held...))
	}
	if err != nil {
		return false
	}
	for _, f := range files {
		if info, err := os.Stat(f.Path); err != nil || info.ModTime().After(than) {
			return false
		}
	}
	return true
}

// further returns the command that trains the result of a run further, with its settings, in a directory of its own.
func further(cmd *cobra.Command, c train.Config) string {
	args := []string{"train", "--config", filepath.Join(c.OutputDir, "config.yaml"), resultFlag(c), c.OutputDir,
		"--output_dir", unused(c.OutputDir)}
	return commandLine(cmd, args...)
}

// resultFlag returns the flag that takes the result of a run: a model where all weights are trained.
func resultFlag(c train.Config) string {
	if c.Type == adapter.TypeFull {
		return "--model_name_or_path"
	}
	return "--adapter_name_or_path"
}

// unused returns the name of a directory beside another one that does not exist: runs/a-2 beside runs/a.
func unused(dir string) string {
	for n := 2; ; n++ {
		name := filepath.Clean(dir) + "-" + strconv.Itoa(n)
		if _, err := os.Lstat(name); err != nil {
			return name
		}
	}
}
