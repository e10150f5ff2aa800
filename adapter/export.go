package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/model"
)

// Output says how Export writes an adapter.
type Output struct {
	Form     Form
	Type     checkpoint.Type // of a GGUF file's tensors, F32 or F16; "": F32
	Portable bool            // PEFT: one rank and scale for all modules, which every reader of PEFT's files computes
	Name     string          // of the adapter, for people; "": none
	Base     string          // the base's name or path, for an adapter that names none
	Record   Record          // written beside the adapter, or into a GGUF file; without a type: none
}

// Export writes the adapter of a name, for a base of dimensions c, to a file or directory of another form. Names are as
// in Load. It returns an error that says what to do where the form cannot say what the adapter computes. The result
// computes the same, to the rounding of its type, of folded scales and of gates.
func Export(name string, c *model.Config, to string, o Output) error {
	s, err := detached(name, c)
	if err != nil {
		return fmt.Errorf("load adapter %s: %w", name, err)
	}
	if o.Record.Type == "" {
		if o.Record, err = ReadRecord(name); err != nil {
			return err
		}
	}
	s.Base = cmp.Or(s.Base, o.Base)
	return s.Export(to, o)
}

// Export writes the adapter to a file or directory of a form.
func (s *Set) Export(to string, o Output) error {
	all := forms()
	i := slices.IndexFunc(all, func(f fileForm) bool { return f.name == o.Form })
	if i < 0 {
		return fmt.Errorf("export adapter: form %q, want one of %v", o.Form, Forms())
	}
	if err := all[i].write(s, to, o); err != nil {
		return fmt.Errorf("export adapter as %s: %w", o.Form, err)
	}
	return nil
}

// detached reads an adapter without the base's weights. It can be exported, and nothing else.
func detached(name string, c *model.Config) (*Set, error) {
	from, err := open(name)
	if err != nil {
		return nil, err
	}
	f, err := from.tensors(c)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	f.keep = true
	s, err := blank(from.method, f.resized(c))
	if err != nil {
		return nil, err
	}
	s.Base = from.base
	params := s.byName()
	for _, name := range f.names() {
		if params[name] == nil && f.alongside(name) {
			s.along = append(s.along, f.tensors[name])
		}
	}
	if err := s.read(f); err != nil {
		return nil, err
	}
	return s, s.scaleGates(from.gates)
}

// blank makes an adapter on no model, whose parameters are zero, for a base of dimensions c.
func blank(method Method, c *model.Config) (*Set, error) {
	s := &Set{method: Resolved(method, c), config: c}
	if err := s.method.Check(c); err != nil {
		return nil, err
	}
	specs, err := s.method.Params(c)
	if err != nil {
		return nil, err
	}
	params := Params{}
	for _, spec := range specs {
		n := spec.Size()
		params[spec.Name] = &Param{Name: spec.Name, Shape: spec.Shape, Data: make([]float32, n), Grad: make([]float32, n)}
	}
	s.list(specs, params)
	return s, nil
}

// loraOnly returns the settings of a LoRA that a form without PEFT's other parts can hold, or says what it lacks.
func (s *Set) loraOnly() (LoRA, error) {
	l, ok := s.method.(LoRA)
	if !ok {
		if _, prompts := s.method.(LLaMAAdapter); prompts {
			return l, errors.New("the form holds LoRA alone; LLaMA-Adapter changes the attention, which neither it nor a " +
				"merged model can express: export it as llama-adapter, litgpt or peft")
		}
		return l, fmt.Errorf("the form holds LoRA alone, the adapter is of type %s: %s", s.method.Name(), instead)
	}
	switch {
	case len(l.Modules) > 0:
		return l, fmt.Errorf("the adapter replaces whole modules of the base (modules_to_save %v), which the form cannot "+
			"hold: %s", l.Modules, instead)
	case len(l.Tokens) > 0:
		return l, fmt.Errorf("the adapter has trained tokens (trainable_token_indices), which the form cannot hold: %s",
			instead)
	case len(s.along) > 0:
		return l, fmt.Errorf("the adapter brings weights of the base along (%s), which the form cannot hold: %s",
			s.along[0].Name, instead)
	case l.Bias:
		return l, fmt.Errorf("the adapter's B has biases (lora_bias), which the form cannot hold: %s", instead)
	case len(l.Replication) > 0:
		return l, fmt.Errorf("the adapter repeats layers of the base (layer_replication), which the form cannot say: %s",
			instead)
	}
	return l, nil
}

// writeFiles writes files into a directory, which it creates, each of them whole or not at all, and the record,
// with the adapter's own entries.
func (s *Set) writeFiles(dir string, o Output, files map[string]atomicfile.Content) error {
	if err := atomicfile.MkdirAll(atomicfile.OS{}, dir); err != nil {
		return err
	}
	if o.Record.Type != "" {
		s.Complete(&o.Record)
		text, err := o.Record.Encode()
		if err != nil {
			return err
		}
		files[RecordFile] = atomicfile.Bytes(text)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.Replace(atomicfile.OS{}, filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}
