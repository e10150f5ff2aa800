package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/identify"
	"fettle/model/tokenizer"
)

// baseOf returns the base model that an adapter names: in its record, or in adapter_config.json, where the name is
// absolute, or relative to the working directory or to the adapter's own.
func baseOf(dir string) (string, error) {
	record, err := adapter.ReadRecord(dir)
	if err != nil {
		return "", input(err)
	}
	name := record.Base
	if name == "" {
		if name, err = adapter.ReadBase(dir); err != nil {
			return "", input(err)
		}
	}
	switch beside := filepath.Join(dir, name); {
	case name == "":
		return "", usage(fmt.Errorf("model_name_or_path is missing: adapter %s names no base model", dir))
	case name == builtin.Name || isDir(name):
		return name, nil
	case !filepath.IsAbs(name) && isDir(beside):
		return beside, nil
	}
	about := "which is not a directory here"
	if p := identify.Of(name); p.Kind == identify.HubName {
		about = p.What + ": fettle does not download"
	}
	return "", usage(fmt.Errorf("model_name_or_path is missing: adapter %s was trained on %s, %s; give the directory "+
		"of this model", dir, name, about))
}

// partDirs lists the directories in which the tokenizer, the chat template and the settings of generation of an adapter
// for a model are looked for, in this order: the adapter's own; the one around it, where a trainer's checkpoints and
// PEFT's named adapters lie; the model's.
func partDirs(adapterDir, modelDir string) []string {
	if adapterDir == "" {
		return []string{modelDir}
	}
	dirs := []string{adapterDir}
	around := filepath.Dir(lasting(adapterDir))
	_, noModel := os.Stat(filepath.Join(around, "config.json"))
	_, noTokenizer := os.Stat(filepath.Join(around, "tokenizer_config.json"))
	if noModel != nil && (noTokenizer == nil || strings.HasPrefix(filepath.Base(lasting(adapterDir)), "checkpoint-")) {
		dirs = append(dirs, around)
	}
	return append(dirs, modelDir)
}

// tokenizerDir returns the first directory with a tokenizer, the last one if none has one.
func tokenizerDir(dirs []string) string {
	for _, dir := range dirs {
		for _, name := range tokenizer.Files() {
			if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
				return dir
			}
		}
	}
	return dirs[len(dirs)-1]
}
