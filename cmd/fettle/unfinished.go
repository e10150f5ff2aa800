package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"fettle/adapter"
	"fettle/internal/identify"
	"fettle/internal/readfile"
	"fettle/train"
	"fettle/train/checkpoint"
)

// finishing returns the commands that continue a run. Its settings hold paths as they were typed, relative to where it
// was begun: elsewhere the first command goes there. It returns "" if that place is not known.
func finishing(cmd *cobra.Command, run string) string {
	config := filepath.Join(run, "config.yaml")
	text, err := readfile.Whole(config, readfile.Settings)
	var ran struct {
		Output string `yaml:"output_dir"`
	}
	if err != nil || yaml.Unmarshal(text, &ran) != nil || ran.Output == "" {
		return ""
	}
	if sameFile(ran.Output, run) {
		return "  " + commandLine(cmd, "train", "--config", config)
	}
	abs, err := filepath.Abs(run)
	root, found := strings.CutSuffix(abs, string(filepath.Separator)+filepath.Clean(ran.Output))
	if err != nil || !found {
		return ""
	}
	return "  cd " + quote(root+string(filepath.Separator), runtime.GOOS) + "\n  " +
		commandLine(cmd, "train", "--config", filepath.Join(ran.Output, "config.yaml"))
}

// settle completes the paths of a source: without a model and an adapter it is the newest run, and a run without a
// result is its newest checkpoint. It says so on standard error.
func (s *source) settle(cmd *cobra.Command) (err error) {
	if s.Model == "" && s.Adapter == "" {
		if err := s.newestRun(cmd); err != nil {
			return err
		}
	}
	if s.Model, err = reached(cmd, s.Model, identify.Model); err != nil {
		return err
	}
	s.Adapter, err = reached(cmd, s.Adapter, identify.Adapter)
	return err
}

// settle is source.settle for the adapters of a merge, which are never chosen for the user.
func (s *mergeSettings) settle(cmd *cobra.Command) (err error) {
	if s.Model, err = reached(cmd, s.Model, identify.Model); err != nil {
		return err
	}
	for i := range s.Adapters {
		if s.Adapters[i], err = reached(cmd, s.Adapters[i], identify.Adapter); err != nil {
			return err
		}
	}
	return nil
}

// settle is source.settle for what is converted.
func (c *convertSettings) settle(cmd *cobra.Command) (err error) {
	if c.Input, err = reached(cmd, c.Input, identify.Adapter); err == nil {
		c.Input, err = reached(cmd, c.Input, identify.Model)
	}
	return err
}

// settleRun replaces runs without a result by their newest checkpoints in the settings of a run. A run to continue from
// stands for its newest checkpoint, whether it has a result or not.
func settleRun(cmd *cobra.Command, c *train.Config) (err error) {
	if c.ModelName, err = reached(cmd, c.ModelName, identify.Model); err != nil {
		return err
	}
	if c.Adapter, err = reached(cmd, c.Adapter, identify.Adapter); err != nil {
		return err
	}
	if len(checkpoint.List(c.Resume)) > 0 {
		if newest := soundest(cmd, c.Resume); newest != "" {
			c.Resume = newest
		}
	}
	return nil
}

// reached returns, for the path of a run without a result, that of its newest sound checkpoint if this holds a kind,
// and says so; any other path as it is. The path of an adapter may end in a scale.
func reached(cmd *cobra.Command, name string, kind identify.Kind) (string, error) {
	path, _, err := adapter.Locate(name)
	if name == "" || err != nil || identify.Of(path).Kind != identify.Run {
		return name, usage(err)
	}
	newest := soundest(cmd, path)
	if newest == "" && len(identify.Checkpoints(path)) > 0 {
		return "", input(fmt.Errorf("%s has no result, and none of its checkpoints is sound: put one back from a copy, or "+
			"train again in another output_dir", path))
	}
	if !identify.Holds(newest, kind) {
		return name, nil // explained where it is opened
	}
	note := ""
	if lines := finishing(cmd, path); lines != "" {
		note = "; this finishes the run:\n" + lines
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s has no result yet. Using its last checkpoint, %s%s\n", path,
		filepath.Base(newest), note)
	return newest + name[len(path):], nil
}

// soundest returns the path of the newest checkpoint in a run's directory that is whole, "" if there is none. Those of
// other programs have no sums to check.
func soundest(cmd *cobra.Command, dir string) string {
	for _, path := range slices.Backward(identify.Checkpoints(dir)) {
		if !identify.Holds(path, identify.Checkpoint) {
			return path
		}
		err := checkpoint.Verify(path)
		if err == nil {
			return path
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "passing over %s: %v\n", path, err)
	}
	return ""
}
