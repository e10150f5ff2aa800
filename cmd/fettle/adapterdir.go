package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/identify"
	"fettle/internal/readfile"
	"fettle/model"
	"fettle/model/chat"
	"fettle/model/tokenizer"
	"fettle/train"
)

// baseOf returns the base model that an adapter names: in its record or in its own file, where the name is absolute, or
// relative to the working directory or to the adapter's own. The first of the names at which there is something counts.
func baseOf(name string) (string, error) {
	record, err := adapter.ReadRecord(name)
	if err != nil {
		return "", input(err)
	}
	named, err := adapter.ReadBase(name)
	if err != nil {
		return "", input(err)
	}
	dir, _, err := adapter.Locate(name)
	if err != nil {
		return "", usage(err)
	}
	if !isDir(dir) {
		dir = filepath.Dir(dir)
	}
	names := slices.DeleteFunc([]string{record.Base, named}, func(name string) bool { return name == "" })
	for _, name := range names {
		switch beside := filepath.Join(dir, name); {
		case name == builtin.Name || isThere(name):
			return name, nil
		case !filepath.IsAbs(name) && isThere(beside):
			return beside, nil
		}
	}
	if len(names) == 0 {
		return "", usage(fmt.Errorf("model_name_or_path is missing: adapter %s names no base model", name))
	}
	return "", usage(fmt.Errorf("model_name_or_path is missing: adapter %s needs its base, which is not where it was "+
		"in training.\n%s", name, identify.Absent(names[0], false)))
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// completeBase fills in the base of a run that continues an adapter without naming the base.
func completeBase(c *train.Config) (err error) {
	if c.Adapter == "" || c.ModelName != "" || c.Shape != "" {
		return nil
	}
	if err := checkAdapter(c.Adapter); err != nil {
		return err
	}
	c.ModelName, err = baseOf(c.Adapter)
	return err
}

// partDirs lists the directories in which the tokenizer, the chat template and the settings of generation of an adapter
// for a model are looked for, in this order: the adapter's own; the one around it, where a trainer's checkpoints and
// PEFT's named adapters lie; the model's. An adapter that is a file has nothing beside it.
func partDirs(name, modelDir string) []string {
	adapterDir, _, err := adapter.Locate(name)
	if name == "" || err != nil || !isDir(adapterDir) {
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

// ownGeneration returns the settings of generation that an adapter has of its own, as a file. There may be none.
func ownGeneration(name string) (map[string][]byte, error) {
	for _, dir := range partDirs(name, "") {
		text, err := readfile.WholeIn(dir, chat.GenerationFile, readfile.Settings)
		if dir == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, input(fmt.Errorf("read settings of generation: %w", err))
		}
		return map[string][]byte{chat.GenerationFile: text}, nil
	}
	return nil, nil
}

// beside returns the files that a run keeps with its result and with every checkpoint: its tokenizer and chat template,
// and the settings of generation of the model, where the result is one, or of the adapter that it continues.
func (m *runData) beside(c train.Config, base *model.Model) (map[string][]byte, error) {
	method := c.Type
	var more []string
	if method == adapter.TypeFull {
		more = append(more, chat.GenerationFile)
	}
	files, err := tokenizerFiles(m.tokenizerDir, more...)
	if err == nil && len(files) == 0 && method == adapter.TypeFull && m.tok != nil { // the base is one file
		files, err = m.besideFile(base)
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(files, m.template.Files())
	own, err := ownGeneration(c.Adapter)
	maps.Copy(files, own)
	return files, err
}

// besideFile returns what beside would find in a directory, for a base that is one file.
func (m *runData) besideFile(base *model.Model) (map[string][]byte, error) {
	files, err := m.tok.Files()
	if err != nil {
		return nil, input(err)
	}
	of := chat.Model{Weights: base, Tokenizer: m.tok}
	if of.Generation, err = chat.ReadGeneration(m.tokenizerDir); err != nil {
		return nil, err
	}
	text, err := of.GenerationJSON()
	if text != nil {
		files[chat.GenerationFile] = text
	}
	return files, input(err)
}

// sizeOfTokenizer returns the bytes of the files that tokenizerFiles reads.
func sizeOfTokenizer(dir string) (bytes int64) {
	for _, name := range slices.Concat(tokenizer.Files(), tokenizer.SideFiles()) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && isDir(dir) {
			bytes += info.Size()
		}
	}
	return bytes
}

// tokenizerFiles reads the files of the tokenizer in a directory, and more, as far as they exist. A model that is one
// file has none.
func tokenizerFiles(dir string, more ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	if !isDir(dir) {
		return files, nil
	}
	for _, name := range slices.Concat(tokenizer.Files(), tokenizer.SideFiles(), more) {
		text, err := readfile.WholeIn(dir, name, readfile.Tokenizer)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return files, input(fmt.Errorf("read tokenizer: %w", err))
		}
		files[name] = text
	}
	return files, nil
}
