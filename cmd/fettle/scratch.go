package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fettle/internal/builtin"
	"fettle/internal/compute"
	"fettle/internal/sharedmem"
	"fettle/internal/world"
	"fettle/model"
	"fettle/train"
	"fettle/train/plan"
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
func openBase(c train.Config) (*model.Model, error) { return openBaseIn(nil, c) }

// openBaseIn is openBase in memory that is shared with other processes, if there is some. New weights are never shared.
func openBaseIn(shared *sharedmem.Memory, c train.Config) (*model.Model, error) {
	if c.Shape == "" {
		return loadModelFor(false, shared, c.ModelName, computeOf(c), c.Quantized)
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

// computeOf returns the compute of a run, where auto is what it chose when the run began.
func computeOf(c train.Config) string {
	if c.Compute == compute.ModeAuto && c.Shape == "" {
		return cmp.Or(c.FirstCompute(), c.Compute)
	}
	return c.Compute
}

// otherCompute warns of a run whose compute: auto chose otherwise when it began than it would on this processor.
func otherCompute(c train.Config, b plan.Base) (warning string, err error) {
	kept := computeOf(c)
	if kept == c.Compute {
		return "", nil
	}
	here, err := deviceFor(nil, compute.ResolveMode(c.Compute, c.Quantized, b.Stored, false))
	if err != nil || here.Name() == b.Device.Name() {
		return "", err
	}
	return fmt.Sprintf("compute: auto chose %s when the run began and would choose otherwise on this processor (%s). "+
		"The run keeps %s (%s), which may be slow here.", kept, here.Name(), kept, b.Device.Name()), nil
}

// scratchDevice makes the device for new weights, which are float32.
func scratchDevice(mode string) (compute.Device, error) {
	return deviceFor(nil, compute.ResolveMode(mode, compute.NotQuantized, compute.F32, false))
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
