// Package convert writes models: as directories in Hugging Face's layout and as GGUF files. Tensors are computed,
// encoded and written one after another, so that memory stays small beside the model.
package convert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/model"
)

// Model is what is written: the model of a source, or one made of it.
type Model struct {
	Source  *model.Source
	Config  *model.Config // of what is written
	Layers  []int         // the source's layer at every layer; nil: each at its own
	Tensors []checkpoint.Computed

	// Files holds the files that a directory has beside config.json and the weights, by name: of the tokenizer, the chat
	// template, the settings of generation.
	Files map[string][]byte

	Stop func() error // asked while tensors are written, whose writing ends with its error; may be nil
}

// floats are the types of weights that a directory in Hugging Face's layout has, by their names in config.json.
var floats = []struct {
	dtype checkpoint.Type
	names []string
}{
	{checkpoint.F32, []string{"float32", "fp32", "f32", "float"}},
	{checkpoint.BF16, []string{"bfloat16", "bf16"}},
	{checkpoint.F16, []string{"float16", "fp16", "f16", "half"}},
}

// DTypes lists the names of the types that Directory writes weights in.
func DTypes() (names []string) {
	for _, f := range floats {
		names = append(names, f.names[0])
	}
	return names
}

// ParseDType returns the type of a name such as bfloat16, bf16 or BF16.
func ParseDType(name string) (checkpoint.Type, error) {
	short := strings.TrimPrefix(strings.ToLower(name), "torch.")
	for _, f := range floats {
		for _, known := range f.names {
			if short == known {
				return f.dtype, nil
			}
		}
	}
	return "", fmt.Errorf("%q, want %s", name, strings.Join(DTypes(), ", "))
}

// dtypeName returns the name of a type in config.json, "" if it has none.
func dtypeName(t checkpoint.Type) string {
	for _, f := range floats {
		if f.dtype == t {
			return f.names[0]
		}
	}
	return ""
}

// Quantized returns the type of blocks that most weights of the model are stored in, "" if all are floats.
func (m Model) Quantized() (most checkpoint.Type) {
	weights := map[checkpoint.Type]int{}
	for _, t := range m.Tensors {
		if t.Type.Block() == 1 {
			continue
		}
		weights[t.Type] += count(t.Shape)
		if weights[t.Type] > weights[most] {
			most = t.Type
		}
	}
	return most
}

// releasing returns the tensors with a release of the source's memory behind each that is the only one of its origin.
func (m Model) releasing() []checkpoint.Computed {
	uses := map[string]int{}
	for _, t := range m.Tensors {
		uses[m.origin(t.Name)]++
	}
	out := slices.Clone(m.Tensors)
	for i, t := range out {
		if from := m.origin(t.Name); uses[from] == 1 {
			out[i].Written = func() { m.Source.Release(from) }
		}
	}
	return out
}

// NewDirectory makes a directory whole or not at all: write fills another one beside it, which then takes its place.
// A directory that is there already must be empty, unless replace is set.
func NewDirectory(dir string, replace bool, write func(temporary string) error) error {
	around := filepath.Dir(dir)
	if err := atomicfile.MkdirAll(atomicfile.OS{}, around); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(around, atomicfile.TemporaryPrefix)
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	defer os.RemoveAll(temporary)
	fresh, old := filepath.Join(temporary, "new"), filepath.Join(temporary, "old")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	if err := write(fresh); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		if !replace {
			err = os.Remove(dir) // fails unless it is empty
		} else {
			err = os.Rename(dir, old)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", dir, err)
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		os.Rename(old, dir)
		return err
	}
	return atomicfile.OS{}.SyncDir(around)
}
