package adapter

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
)

// The files of an adapter's directory.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
	fullFile    = "model.safetensors"
	fullConfig  = "config.json"
)

// Load reads an adapter for a model. Every tensor of the file must find its place and every module its tensors.
func Load(dir string, m *model.Model) (*Set, error) { return LoadAs(dir, nil, m) }

// LoadAs loads an adapter for a run with the method requested, which must have the adapter's type. Settings are the
// adapter's own, except LoRA's dropout, which is the requested one, and the gates of a LLaMA-Adapter, which are
// rewritten in the form that requested names (empty: as stored); LoadAs returns an error where this form cannot express
// the stored gates.
func LoadAs(dir string, requested Method, m *model.Model) (*Set, error) {
	s, err := loadAs(dir, requested, m)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", dir, err)
	}
	return s, nil
}

// Continued returns the method that LoadAs gives a set, without reading parameters.
func Continued(dir string, requested Method) (Method, error) {
	stored, _, err := readMethod(dir)
	if err == nil {
		stored, _, err = continued(stored, requested)
	}
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", dir, err)
	}
	return stored, nil
}

// continued returns the stored method with the settings that requested may change, and whether it changes any.
func continued(stored, requested Method) (Method, bool, error) {
	if requested != nil && requested.Name() != stored.Name() {
		return nil, false, fmt.Errorf("it is a %s adapter, finetuning_type is %s", stored.Name(), requested.Name())
	}
	if requested == nil {
		return stored, false, nil
	}
	switch s := stored.(type) {
	case dialects:
		m, changed := s.as(requested)
		return m, changed, nil
	case adjustable:
		return s.adjusted(requested), false, nil
	}
	return stored, false, nil
}

func readMethod(dir string) (m Method, base string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, "", err
	}
	if m, base, err = decodeMethod(text); err != nil {
		err = fmt.Errorf("%s: %w", ConfigFile, err)
	}
	return m, base, err
}

func loadAs(dir string, requested Method, m *model.Model) (*Set, error) {
	stored, base, err := readMethod(dir)
	if err != nil {
		return nil, err
	}
	method, rewrite, err := continued(stored, requested)
	if err != nil {
		return nil, err
	}
	if err := sameBase(dir, m); err != nil {
		return nil, err
	}
	first := method
	if rewrite {
		first = stored
	}
	s, err := build(first, m)
	if err != nil {
		return nil, err
	}
	s.Base = base
	if err := s.read(filepath.Join(dir, WeightsFile)); err != nil {
		return nil, err
	}
	if rewrite {
		from := s
		if s, err = build(method, m); err != nil {
			return nil, err
		}
		s.Base = base
		if err := method.(dialects).rewrite(from, s); err != nil {
			return nil, err
		}
	}
	return s, s.Refresh()
}

// sameBase refuses a base other than the one the adapter's own record names.
func sameBase(dir string, m *model.Model) error {
	record, err := ReadRecord(dir)
	if err != nil {
		return err
	}
	if record.Fingerprint != "" && record.Fingerprint != m.Fingerprint() {
		return fmt.Errorf("it was trained on another base (%s, fingerprint %.12s…; this base has %.12s…)",
			record.Base, record.Fingerprint, m.Fingerprint())
	}
	return nil
}

// Restore fills the parameters from a directory that Save wrote.
func (s *Set) Restore(dir string) error {
	weights, _, _, err := s.save()
	if err == nil {
		err = s.read(filepath.Join(dir, weights))
	}
	if err != nil {
		return fmt.Errorf("restore adapter %s: %w", dir, err)
	}
	return s.Refresh()
}

// read fills the parameters from a file, strictly.
func (s *Set) read(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		if bin := strings.TrimSuffix(path, ".safetensors") + ".bin"; errors.Is(err, fs.ErrNotExist) && exists(bin) {
			return fmt.Errorf("%s is in PyTorch's pickle format; convert it to safetensors first", filepath.Base(bin))
		}
		return err
	}
	defer f.Close()
	wanted := map[string]bool{}
	for _, p := range slices.Concat(s.params, s.frozen) {
		wanted[p.Name] = true
		t, ok := f.Tensor(p.Name)
		if !ok {
			return fmt.Errorf("tensor %s is missing", p.Name)
		}
		if !slices.Equal(t.Shape, p.Shape) {
			return fmt.Errorf("tensor %s: shape %v, want %v (an adapter for another base?)", p.Name, t.Shape, p.Shape)
		}
		values, err := checkpoint.Float32s(t)
		if err != nil {
			return err
		}
		for i, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("tensor %s: element %d is %v", p.Name, i, v)
			}
		}
		copy(p.Data, values)
	}
	for _, name := range f.Names() {
		if !wanted[name] {
			return fmt.Errorf("tensor %s has no place in this adapter and base", name)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// save lists the files that hold the adapter: PEFT's two, or a model's. An empty config is the model's own.
func (s *Set) save() (weights, about string, config []byte, err error) {
	if config, err = encodeMethod(s.method, s.Base); err != nil || config != nil {
		return WeightsFile, ConfigFile, config, err
	}
	config, err = s.model.Config().JSON()
	return fullFile, fullConfig, config, err
}

// Files returns the writers of the adapter's files, by name: PEFT's two, or for full weights model.safetensors and
// config.json. The same parameters give the same bytes.
func (s *Set) Files() (map[string]func(io.Writer) error, error) {
	weights, about, config, err := s.save()
	var tensors []checkpoint.Tensor
	for _, p := range slices.Concat(s.params, s.frozen) {
		tensors = append(tensors, checkpoint.FromFloat32s(p.Name, p.Shape, p.Data))
	}
	return map[string]func(io.Writer) error{
		weights: func(w io.Writer) error { return safetensors.Encode(w, tensors, map[string]string{"format": "pt"}) },
		about:   atomicfile.Bytes(config),
	}, err
}

// Save writes the adapter's files into dir, which it creates, each of them whole or not at all.
func (s *Set) Save(dir string) error {
	files, err := s.Files()
	if err != nil {
		return fmt.Errorf("save adapter %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.Write(filepath.Join(dir, name), files[name]); err != nil {
			return fmt.Errorf("save adapter: %w", err)
		}
	}
	return nil
}
