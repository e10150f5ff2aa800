package model

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/compute"
	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// Source is a model on disk in any of the layouts of identify.ModelAt. Its files stay open for as long as the program
// runs.
type Source struct {
	Path    string // of the directory or file
	Format  identify.Layout
	Config  *Config
	Tensors map[string]checkpoint.Tensor // by Hugging Face's names, in its order of rows

	Metadata gguf.Metadata // of a GGUF file
}

// extent says how much of a model is read.
type extent int

const (
	dimensions extent = iota // what Config needs
	headers                  // and names, types and shapes of tensors, whose data may be missing
	everything
)

// opener opens a layout.
type opener func(path string, to extent) (*Source, error)

// openers lists the layouts.
var openers = map[identify.Layout]opener{
	identify.HuggingFace: openHuggingFace, identify.Meta: openMeta, identify.GGUFModel: openGGUF,
	identify.Llama2CFile: openLlama2C,
}

// Open opens the model in a directory or file. Weights are mapped, not read, unless a file keeps them in parts or in a
// type that is no matrix's.
func Open(path string) (*Source, error) { return open(path, everything) }

// Describe is Open without data.
func Describe(path string) (*Source, error) { return open(path, headers) }

func open(path string, to extent) (*Source, error) {
	layout, at := identify.ModelAt(path)
	from, ok := openers[layout]
	if !ok {
		layout, from = identify.HuggingFace, openHuggingFace // which names what is missing
	}
	if layout == identify.GGUFModel && at != path {
		if _, err := readfile.Inside(path, filepath.Base(at)); err != nil {
			return nil, err
		}
	}
	s, err := from(at, to)
	if err != nil {
		return nil, err
	}
	s.Path, s.Format = at, layout
	return s, nil
}

// take adds a tensor under the name that names gives it, and with its rows in Hugging Face's order where RoPE's pairs
// lie side by side.
func (s *Source) take(t checkpoint.Tensor, names naming, paired bool) error {
	theirs := t.Name
	if t.Name = names.rename(theirs); paired {
		t = halved(t, s.Config)
	}
	if _, twice := s.Tensors[t.Name]; twice {
		return fmt.Errorf("tensors %s and %s are the same one", theirs, t.Name)
	}
	s.Tensors[t.Name] = t
	return nil
}

// complete refuses a source without all tensors, by the name that its format has for the first.
func (s *Source) complete(names naming) error {
	for _, t := range s.Config.Tensors() {
		if _, ok := s.Tensors[t.Name]; !ok {
			return fmt.Errorf("tensor %s is missing", names.original(t.Name))
		}
	}
	return nil
}

// openHuggingFace opens a directory with config.json.
func openHuggingFace(dir string, to extent) (s *Source, err error) {
	s = &Source{}
	if to > dimensions {
		if s.Tensors, err = openTensors(dir, to); err != nil {
			return nil, err
		}
	}
	if s.Config, err = readConfigFile(dir); err == nil {
		err = s.Config.Split(s.Tensors)
	}
	return s, err
}

// ReadConfig reads and checks the dimensions of the model in a directory or file.
func ReadConfig(path string) (*Config, error) {
	s, err := open(path, dimensions)
	if err != nil {
		return nil, err
	}
	return s.Config, nil
}

// StoredType returns the element type of a model's projections, F32 where it is none that Load accepts.
func StoredType(path string) (compute.DType, error) {
	s, err := Describe(path)
	if err != nil {
		return 0, fmt.Errorf("load model: %w", err)
	}
	return s.Stored(), nil
}

// Stored is StoredType of an open model.
func (s *Source) Stored() compute.DType {
	return s.Types()[Site{0, QProj}.WeightName()]
}

// Types returns the element types of all tensors that can be weights of a linear map, by name.
func (s *Source) Types() map[string]compute.DType {
	all, tensors := map[string]compute.DType{}, maps.Clone(s.Tensors)
	if err := s.Config.separate(tensors); err != nil {
		tensors = s.Tensors // loading says why
	}
	for name, t := range tensors {
		if dtype, ok := matrixTypes[t.Type]; ok {
			all[name] = dtype
		}
	}
	return all
}

// Separate returns the tensors of the language model as Config.Tensors names them: fused ones apart, without the parts
// of a larger model beside it. It reports whether there are such.
func (s *Source) Separate() (tensors map[string]checkpoint.Tensor, larger bool, err error) {
	tensors = maps.Clone(s.Tensors)
	if err := s.Config.separate(tensors); err != nil {
		return nil, false, err
	}
	for name := range s.Tensors {
		larger = larger || s.Config.Nests() && PlainName(name) != name
	}
	return tensors, larger, nil
}

// Release gives the memory of a tensor's pages back to the system, which reads them from the file again on the next
// access.
func (s *Source) Release(name string) {
	t, ok := s.Tensors[name]
	for _, p := range textPrefixes {
		if rest, inner := strings.CutPrefix(name, p[1]); !ok && inner {
			t, ok = s.Tensors[p[0]+rest]
		}
	}
	if done := releaser(release).of(t); done != nil {
		done()
	}
}
