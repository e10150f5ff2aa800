package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/pth"
)

// writePEFT writes PEFT's two files.
func (s *Set) writePEFT(to string, o Output) (err error) {
	switch m := s.method.(type) {
	case Full:
		return errors.New("it is a whole model, not an adapter")
	case LLaMAAdapter:
		if s, err = s.gated(Scalar, None); err != nil {
			return fmt.Errorf("%w. PEFT has one gate for a layer: export the adapter as llama-adapter or litgpt", err)
		}
	case LoRA:
		if o.Portable {
			if s, err = s.portable(m); err != nil {
				return err
			}
			m = s.method.(LoRA)
		}
		if path, _ := m.renamed(s.config); path != "" {
			return s.writeRenamed(to, m, o)
		}
	}
	files, err := s.Files()
	if err != nil {
		return err
	}
	return s.writeFiles(to, o, files)
}

// gated returns a LLaMA-Adapter with gates of other kinds.
func (s *Set) gated(gate, activation string) (*Set, error) {
	a, ok := s.method.(LLaMAAdapter)
	if !ok {
		return nil, fmt.Errorf("the form holds LLaMA-Adapters alone, the adapter is of type %s", s.method.Name())
	}
	as, changed := a.as(LLaMAAdapter{Gate: gate, GateActivation: activation})
	if !changed {
		return s, nil
	}
	to, err := blank(as, s.config)
	if err == nil {
		to.Base = s.Base
		err = as.(LLaMAAdapter).rewrite(s, to)
	}
	return to, err
}

// writeOfficial writes the official .pth file: the gates of all layers, and the prompts.
func (s *Set) writeOfficial(to string, _ Output) error {
	s, err := s.gated(PerHead, Tanh)
	if err != nil {
		return err
	}
	return writePTH(to, s.official())
}

// official lists the tensors of a LLaMA-Adapter with a gate for every head, under the official names.
func (s *Set) official() []checkpoint.Tensor {
	var all []checkpoint.Tensor
	params := s.byName()
	for layer := range s.config.Layers {
		p := params[gateName(layer)]
		all = append(all, checkpoint.FromFloat32s(p.Name, p.Shape, p.Data))
	}
	p := params[queryName]
	return append(all, checkpoint.FromFloat32s(p.Name, p.Shape, p.Data))
}

func writePTH(to string, tensors []checkpoint.Tensor) error {
	return atomicfile.Write(to, pthFile(tensors))
}

func pthFile(tensors []checkpoint.Tensor) atomicfile.Content {
	return func(w io.Writer) error { return pth.Encode(w, tensors) }
}

// writeLitGPT writes an adapter of LitGPT, and the settings that its file lacks: for a LLaMA-Adapter the base alone.
func (s *Set) writeLitGPT(to string, o Output) error {
	if _, ok := s.method.(LLaMAAdapter); !ok {
		return s.writeLitLoRA(to, o)
	}
	s, err := s.gated(PerHead, None)
	if err != nil {
		return err
	}
	a, params := s.method.(LLaMAAdapter), s.byName()
	var all []checkpoint.Tensor
	for layer := s.config.Layers - a.Layers; layer < s.config.Layers; layer++ {
		rows, gates := a.layer(s.config, params, layer)
		name := litBlock + strconv.Itoa(layer)
		all = append(all, checkpoint.FromFloat32s(name+litPrompt, []int{a.Len, s.config.Hidden}, rows.Data),
			checkpoint.FromFloat32s(name+litGate, []int{1, 1, s.config.Heads, 1}, gates.Data))
	}
	files := map[string]atomicfile.Content{litAdapter: pthFile(all)}
	if s.Base != "" {
		text, err := yaml.Marshal(map[string]string{"checkpoint_dir": s.Base})
		if err != nil {
			return err
		}
		files[litSettings] = atomicfile.Bytes(text)
	}
	return s.writeFiles(to, o, files)
}

// titleOf returns the name of an adapter for people: that of the file without its ending, unless o has one.
func (o Output) titleOf(to string) string {
	return cmp.Or(o.Name, strings.TrimSuffix(filepath.Base(to), filepath.Ext(to)))
}
