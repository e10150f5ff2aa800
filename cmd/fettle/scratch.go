package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/world"
	"fettle/model"
	"fettle/train"
)

// baseShape finds the dimensions of a run's base, and the directory of its tokenizer, without its weights.
func baseShape(c train.Config) (shape *model.Config, tokenizer string, err error) {
	if c.Shape == "" {
		where, err := locatedModel(c.ModelName)
		if err != nil {
			return nil, "", err
		}
		shape, err := model.ReadConfig(where)
		return shape, where, input(err)
	}
	where, err := located(c.Shape)
	if err != nil {
		return nil, "", err
	}
	if !isDir(where) {
		if filepath.Base(where) != "config.json" {
			return nil, "", usage(fmt.Errorf("config_name is %q, want a config.json or the directory of one",
				c.Shape))
		}
		where = filepath.Dir(where)
	}
	if shape, err = model.ReadConfig(where); err != nil {
		return nil, "", err
	}
	tokenizer, err = located(c.Tokenizer)
	return shape, tokenizer, err
}

// openBase loads the base of a run, or initializes it.
func openBase(c train.Config) (*model.Model, error) {
	if c.Shape == "" {
		return loadModel(c.ModelName, c.Compute, c.Quantized)
	}
	shape, _, err := baseShape(c)
	if err != nil {
		return nil, input(err)
	}
	dev, err := scratchDevice(c.Compute)
	if err != nil {
		return nil, err
	}
	m, err := model.Drawn(shape, c.Seed, c.Spread, dev)
	return m, input(err)
}

// scratchDevice makes the device for new weights, which are float32.
func scratchDevice(mode string) (compute.Device, error) {
	if mode == "auto" {
		mode = "f32"
	}
	dev, err := cpu.New(cpu.Options{Compute: mode})
	return dev, usage(err)
}

// The names of the built-in data sets.
const (
	worldTexts     = "fettle-world"     // the texts that the built-in model was trained on
	worldQuestions = "fettle-questions" // the instructions of the demonstration
)

// dataPaths replaces the names of built-in data sets by files.
func dataPaths(names []string) ([]string, error) {
	paths := slices.Clone(names)
	for i, name := range paths {
		if name != worldTexts && name != worldQuestions {
			continue
		}
		if _, err := os.Stat(name); err == nil {
			continue
		}
		path, err := writeBuiltIn(name)
		if err != nil {
			return nil, fmt.Errorf("data set %s: %w", name, err)
		}
		paths[i] = path
	}
	return paths, nil
}

func writeBuiltIn(name string) (string, error) {
	var lines []byte
	add := func(row any) error {
		text, err := json.Marshal(row)
		lines = append(append(lines, text...), '\n')
		return err
	}
	if name == worldQuestions {
		for _, r := range world.Instructions() {
			if err := add(r); err != nil {
				return "", err
			}
		}
	} else {
		const seed, documents = 1, 18000
		for _, text := range world.Corpus(seed, documents) {
			if err := add(map[string]string{"text": text}); err != nil {
				return "", err
			}
		}
	}
	return builtin.File(name+".jsonl", lines)
}
