package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	recordFile  = "fettle.json"
)

// Load reads an adapter for a model. Every tensor of the file must find its
// place and every module its tensors.
func Load(dir string, m *model.Model) (*Set, error) { return LoadAs(dir, Config{}, m) }

// LoadAs is Load, with the gates of a LLaMA-Adapter turned into the dialect
// that as names (its Gate and GateActivation; empty: as stored). Where the
// dialect cannot express the stored gates, LoadAs says so.
func LoadAs(dir string, as Config, m *model.Model) (*Set, error) {
	s, err := loadAs(dir, as, m)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", dir, err)
	}
	return s, nil
}

// ReadConfig reads what Load would read, but for the parameters.
func ReadConfig(dir string) (Config, error) {
	c, err := readConfig(dir)
	if err != nil {
		return c, fmt.Errorf("load adapter %s: %w", dir, err)
	}
	return c, nil
}

func readConfig(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	return c, nil
}

func loadAs(dir string, as Config, m *model.Model) (*Set, error) {
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := sameBase(dir, m); err != nil {
		return nil, err
	}
	s, err := build(c, m)
	if err != nil {
		return nil, err
	}
	if err := s.read(filepath.Join(dir, WeightsFile)); err != nil {
		return nil, err
	}
	if c.Type == LLaMAAdapter && as.Gate != "" && (as.Gate != c.Gate || as.GateActivation != c.GateActivation) {
		return s.convert(as.Gate, as.GateActivation)
	}
	return s, s.Refresh()
}

// sameBase refuses a base other than the one the adapter's own record names.
func sameBase(dir string, m *model.Model) error {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // made by another program
	}
	var record struct {
		Base        string `json:"base"`
		Fingerprint string `json:"base_fingerprint"`
	}
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", recordFile, err)
	}
	if record.Fingerprint != "" && record.Fingerprint != m.Fingerprint() {
		return fmt.Errorf("it was trained on another base (%s, fingerprint %.12s…; this base has %.12s…)", record.Base, record.Fingerprint, m.Fingerprint())
	}
	return nil
}

// Restore fills the parameters from a directory that Save wrote.
func (s *Set) Restore(dir string) error {
	file := WeightsFile
	if s.full != nil {
		file = fullFile
	}
	if err := s.read(filepath.Join(dir, file)); err != nil {
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

// convert turns the gates of a LLaMA-Adapter into another dialect. One gate
// for a layer becomes the same gate for every head; tanh is taken off or put
// on, which needs gates below 1. The way back is refused unless it is exact.
func (s *Set) convert(gate, activation string) (*Set, error) {
	c := s.config
	c.Gate, c.GateActivation = gate, activation
	out, err := build(c, s.model)
	if err != nil {
		return nil, err
	}
	for i := range out.parts {
		from, to := s.parts[i].(*prompt), out.parts[i].(*prompt)
		copy(to.rows, from.rows)
		for h := range s.model.Config().Heads {
			g := float64(from.gate[min(h, len(from.gate)-1)])
			if from.tanh && !to.tanh {
				g = math.Tanh(g)
			} else if to.tanh && !from.tanh {
				if math.Abs(g) >= 1 {
					return nil, fmt.Errorf("gate %v of layer %d cannot be written as a tanh", g, from.layer)
				}
				g = math.Atanh(g)
			}
			at := min(h, len(to.gate)-1)
			if h > at && to.gate[at] != float32(g) {
				return nil, fmt.Errorf("the gates of layer %d differ from head to head; one gate cannot stand for them", from.layer)
			}
			to.gate[at] = float32(g)
		}
	}
	return out, out.Refresh()
}

// Files returns what writes the adapter's files, by name: PEFT's two, or for
// full weights model.safetensors and config.json. The same parameters give the
// same bytes.
func (s *Set) Files() (map[string]func(io.Writer) error, error) {
	var tensors []checkpoint.Tensor
	for _, p := range slices.Concat(s.params, s.frozen) {
		tensors = append(tensors, checkpoint.FromFloat32s(p.Name, p.Shape, p.Data))
	}
	weights := func(w io.Writer) error { return safetensors.Encode(w, tensors, map[string]string{"format": "pt"}) }
	file, about := WeightsFile, ConfigFile
	config, err := s.config.json()
	if s.full != nil {
		file, about = fullFile, fullConfig
		config, err = s.model.Config().JSON()
	}
	return map[string]func(io.Writer) error{file: weights, about: func(w io.Writer) error {
		_, err := w.Write(config)
		return err
	}}, err
}

// Save writes the adapter's files into dir, which it creates.
func (s *Set) Save(dir string) error {
	files, err := s.Files()
	if err != nil {
		return fmt.Errorf("save adapter %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	for name, write := range files {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = write(f)
			if e := f.Close(); err == nil {
				err = e
			}
		}
		if err != nil {
			return fmt.Errorf("save adapter: %w", err)
		}
	}
	return nil
}
