package adapter

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/readfile"
	"fettle/model"
)

// The files of an adapter's directory.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
	fullFile    = "model.safetensors"
	fullConfig  = "config.json"
)

// Load reads an adapter of any form for a model; its name is its path, and may end in a scale: see Locate. Every tensor
// of the file must find its place and every module its tensors.
func Load(name string, m *model.Model) (*Set, error) { return LoadAs(name, nil, m) }

// LoadOnto is LoadAs for any base of the right dimensions, also for one that the adapter was not trained on.
func LoadOnto(name string, requested Method, m *model.Model) (*Set, error) {
	s, err := loadAs(name, requested, m, true)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", name, err)
	}
	return s, nil
}

// LoadAs loads an adapter for a run with the method requested, which must have the adapter's type. Settings are the
// adapter's own, except LoRA's dropout, which is the requested one, and the gates of a LLaMA-Adapter, which are
// rewritten in the form that requested names (empty: as stored); LoadAs returns an error where this form cannot express
// the stored gates.
func LoadAs(name string, requested Method, m *model.Model) (*Set, error) {
	s, err := loadAs(name, requested, m, false)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", name, err)
	}
	return s, nil
}

// Continued returns the method that LoadAs gives a set, without reading parameters.
func Continued(name string, requested Method) (Method, error) {
	s, err := open(name)
	var m Method
	if err == nil {
		m, _, err = continued(s.method, requested)
	}
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", name, err)
	}
	return m, nil
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
	text, err := readfile.WholeIn(dir, ConfigFile, readfile.Settings)
	if err != nil {
		return nil, "", err
	}
	if m, base, err = decodeMethod(text); err != nil {
		err = fmt.Errorf("%s: %w", ConfigFile, err)
	}
	return m, base, err
}

func loadAs(name string, requested Method, m *model.Model, anyBase bool) (*Set, error) {
	from, err := open(name)
	if err != nil {
		return nil, err
	}
	method, rewrite, err := continued(from.method, requested)
	if err != nil {
		return nil, err
	}
	if !anyBase {
		if err := sameBase(name, m); err != nil {
			return nil, err
		}
	}
	f, err := from.tensors(m.Config())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, along, err := withVocabulary(f, method, m)
	if err != nil {
		return nil, err
	}
	first := method
	if rewrite {
		first = from.method
	}
	s, err := build(first, m)
	if err != nil {
		return nil, err
	}
	s.Base, s.along = from.base, along
	if err := s.read(f); err != nil {
		return nil, err
	}
	if err := s.scaleGates(from.gates); err != nil {
		return nil, err
	}
	if rewrite {
		as, err := build(method, m)
		if err != nil {
			return nil, err
		}
		as.Base, as.along = from.base, along
		if err := method.(dialects).rewrite(s, as); err != nil {
			return nil, err
		}
		s = as
	}
	return s, s.Refresh()
}

// ErrOtherBase is the error of an adapter for another base than the one that its record names.
var ErrOtherBase = errors.New("another base")

// sameBase refuses a base other than the one the adapter's own record names.
func sameBase(name string, m *model.Model) error {
	record, err := ReadRecord(name)
	if err != nil {
		return err
	}
	switch {
	case record.Fingerprint != "" && record.Fingerprint != m.Fingerprint():
		return fmt.Errorf("it was trained on %w (%s, fingerprint %.12s…; this base has %.12s…)", ErrOtherBase, record.Base,
			record.Fingerprint, m.Fingerprint())
	case record.Content != "" && record.Content != m.Content():
		return fmt.Errorf("it was trained on %w (%s, SHA-256 of its weights %.12s…; this base, of the same shapes, has "+
			"%.12s…: it was changed, or damaged)", ErrOtherBase, record.Base, record.Content, m.Content())
	}
	return nil
}

// Restore fills the parameters from a directory that Save wrote.
func (s *Set) Restore(dir string) error {
	weights, _, _, err := s.save()
	var f *tensorFile
	if err == nil {
		f, err = openTensors(dir, weights)
	}
	if err == nil {
		defer f.Close()
		err = s.read(f)
	}
	if err != nil {
		return fmt.Errorf("restore adapter %s: %w", dir, err)
	}
	return s.Refresh()
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
func (s *Set) Files() (map[string]func(io.Writer) error, error) { return s.FilesAs(checkpoint.F32) }

// FilesAs is Files with parameters of another type than F32, rounded: for a result, not for a checkpoint.
func (s *Set) FilesAs(as checkpoint.Type) (map[string]func(io.Writer) error, error) {
	weights, about, config, err := s.save()
	var tensors []checkpoint.Computed
	for _, t := range s.tensors(s.byName()) {
		tensors = append(tensors, checkpoint.Computed{Tensor: t})
	}
	if weights == fullFile && err == nil {
		tensors, err = s.model.Config().Together(tensors)
	}
	var lazy []checkpoint.Lazy
	for _, t := range tensors {
		if t.Type == checkpoint.F32 {
			lazy = append(lazy, t.As(as))
		} else {
			lazy = append(lazy, t.As(t.Type)) // of the base
		}
	}
	return map[string]func(io.Writer) error{
		weights: func(w io.Writer) error { return safetensors.Write(w, lazy, map[string]string{"format": "pt"}) },
		about:   atomicfile.Bytes(config),
	}, err
}

// tensors lists parameters under all names that they are saved under, and the tensors that the adapter brings along.
func (s *Set) tensors(params Params) []checkpoint.Tensor {
	all := slices.Clone(s.along)
	for _, p := range slices.Concat(s.params, s.frozen) {
		for _, name := range []string{p.Name, s.also[p.Name]} {
			if name != "" && params[p.Name] != nil {
				all = append(all, checkpoint.FromFloat32s(name, p.Shape, p.Data))
			}
		}
	}
	return all
}

// Save writes the adapter's files into dir, which it creates, each of them whole or not at all.
func (s *Set) Save(dir string) error {
	files, err := s.Files()
	if err != nil {
		return fmt.Errorf("save adapter %s: %w", dir, err)
	}
	if err := atomicfile.MkdirAll(atomicfile.OS{}, dir); err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.Replace(atomicfile.OS{}, filepath.Join(dir, name), files[name]); err != nil {
			return fmt.Errorf("save adapter: %w", err)
		}
	}
	return nil
}
