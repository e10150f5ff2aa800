package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/train"
	"fettle/train/journal"
	pages "fettle/train/report"
)

// overwrites returns an error for a run whose output would replace what it is made of: base, adapter or data.
// config names the file with its settings, "" if there is none; in the directory of a run it is that run's own.
func overwrites(c train.Config, config string) error {
	for _, in := range []struct{ key, path, why string }{
		{"model_name_or_path", c.ModelName, "the run would replace files of its base"},
		{"adapter_name_or_path", c.Adapter, "the run would replace the adapter that it starts from; without " +
			"adapter_name_or_path, a run in that directory continues"},
	} {
		path, _, err := adapter.Locate(in.path)
		if err == nil && in.path != "" && sameFile(path, c.OutputDir) {
			return usage(fmt.Errorf("output_dir %s is %s: %s. Choose another output_dir", c.OutputDir, in.key, in.why))
		}
	}
	dir := filepath.Dir(config)
	begun := isThere(filepath.Join(dir, journal.File)) || isThere(filepath.Join(dir, pages.LogFile))
	if filepath.Base(config) == "config.yaml" && sameFile(dir, c.OutputDir) && !begun {
		return usage(fmt.Errorf("the run would replace its config, %s, by a record of the settings in use. Choose another "+
			"output_dir, or another name for the config", config))
	}
	written := []string{"config.yaml", pages.LogFile, pages.TrainerStateFile, pages.PageFile, adapter.RecordFile,
		adapter.ConfigFile}
	for _, path := range slices.Concat(c.Dataset, c.EvalDataset) {
		if slices.Contains(written, filepath.Base(path)) && sameFile(filepath.Dir(path), c.OutputDir) {
			return usage(fmt.Errorf("the run would replace its data: it writes a %s of its own in output_dir %s. Choose "+
				"another output_dir", filepath.Base(path), c.OutputDir))
		}
	}
	return nil
}

// replaces returns an error for a file to be written, named by a setting, that is one of the inputs, or that lies in
// one of them and is no page or text such as was written there before.
func replaces(key, path string, inputs ...string) error {
	if path == "" || path == "-" || !isThere(path) {
		return nil
	}
	for _, in := range inputs {
		if in == "" {
			continue
		}
		if sameFile(path, in) {
			return usage(fmt.Errorf("%s %s is an input of the command, and would be replaced: name another file", key, path))
		}
		again := slices.Contains([]string{".html", ".txt", ".yaml", ".yml"}, filepath.Ext(path))
		for dir := filepath.Dir(lasting(path)); isDir(in) && !again && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if sameFile(dir, in) {
				return usage(fmt.Errorf("%s %s is a file of the input %s, and would be replaced: name another file", key, path,
					in))
			}
		}
	}
	return nil
}

// inputsOf lists the files and directories that a run reads.
func inputsOf(c train.Config) []string {
	all := []string{c.ModelName, c.Shape, c.Tokenizer, c.Adapter, c.Recipe}
	for _, path := range slices.Concat(c.Dataset, c.EvalDataset) {
		if file, _, is := strings.Cut(path, ".json:"); is { // an entry of dataset_info.json
			path = file + ".json"
		}
		all = append(all, path)
	}
	for _, prompt := range c.SamplePrompts {
		if path, is := strings.CutPrefix(prompt, "@"); is {
			all = append(all, path)
		}
	}
	return all
}

// sameFile reports whether two paths lead to one file or directory that exists.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
