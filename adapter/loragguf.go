package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/model"
)

// The keys of a GGUF file that holds a LoRA.
const (
	ggufArchitecture = "general.architecture"
	ggufType         = "general.type"       // adapter
	ggufAdapter      = "adapter.type"       // lora
	ggufAlpha        = "adapter.lora.alpha" // the scale is alpha/rank; 0: the scale is 1
	ggufRecord       = "fettle.record"      // a Record, as JSON
	ggufNorm         = "_norm.weight"       // ends names that llama.cpp passes over
	ggufA, ggufB     = ".lora_a", ".lora_b" // end the names of the factors
)

// ggufPath returns the path of the module whose weight has a name in GGUF files of an architecture.
func ggufPath(architecture, name string) (string, bool) {
	path, isWeight := strings.CutSuffix(model.FromGGUFName(architecture, name), weight)
	_, known := siteOf(path)
	return path, isWeight && (known || isFused(path)) && model.GGUFName(architecture, path+weight) == name
}

// inPairs reports whether a GGUF file has the rows of the weight at a site in RoPE's pairs. The rows of B are the
// weight's; A has none of them.
func inPairs(paired bool, at model.Site) bool {
	return paired && (at.At == model.QProj || at.At == model.KProj)
}

// holdsGGUF reports whether a path is a GGUF file of an adapter.
func holdsGGUF(path string) bool {
	if identify.File(path) != identify.GGUF {
		return false
	}
	f, err := gguf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	kind, _ := f.Metadata.Text(ggufType)
	return kind == "adapter"
}

// ggufRecordOf returns the record of a file; fs.ErrNotExist if it has none.
func ggufRecordOf(path string) ([]byte, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, ok := f.Metadata.Text(ggufRecord)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// openGGUF reads a LoRA of llama.cpp, and refuses what llama.cpp refuses: tensors of other names and shapes, and
// factors without the other one.
func openGGUF(path string) (*stored, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if kind, _ := f.Metadata.Text(ggufAdapter); kind != "lora" {
		return nil, fmt.Errorf("%s is %q, want lora", ggufAdapter, kind)
	}
	architecture, ok := f.Metadata.Text(ggufArchitecture)
	if !ok {
		return nil, fmt.Errorf("%s is missing", ggufArchitecture)
	}
	if _, activated := f.Metadata["adapter.alora.invocation_tokens"]; activated {
		return nil, errors.New("activated LoRA adapts the tokens from its invocation on, which is not computed here")
	}
	alpha, ok := f.Metadata.Float(ggufAlpha)
	if _, there := f.Metadata[ggufAlpha]; there && !ok || math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return nil, fmt.Errorf("%s is %v, want a number", ggufAlpha, f.Metadata[ggufAlpha])
	}
	var found factors
	for _, name := range f.Names() {
		weight, which := factorName(name, ggufA, ggufB)
		if strings.HasSuffix(name, ggufNorm) {
			continue
		}
		path, known := ggufPath(architecture, weight)
		if which == "" || !known {
			return nil, fmt.Errorf("tensor %s is none of a LoRA on a LLaMA", name)
		}
		t, _ := f.Tensor(name)
		if t, err = inFloat32(t); err == nil {
			err = found.add(path, which, t)
		}
		if err != nil {
			return nil, err
		}
	}
	embed := model.EmbedSite().ModuleName()
	modules, err := found.modules(func(path string, a, b checkpoint.Tensor) (int, int) {
		if path == embed { // A lies the other way round
			return a.Shape[1], b.Shape[1]
		}
		return a.Shape[0], b.Shape[1]
	})
	if err != nil {
		return nil, err
	}
	for i := range modules {
		if modules[i].alpha = alpha; alpha == 0 {
			modules[i].alpha = float64(modules[i].rank)
		}
	}
	base, _ := f.Metadata.Text("general.base_model.0.name")
	tensors := func(c *model.Config) (*tensorFile, error) { return found.fromGGUF(architecture, c) }
	return &stored{method: listedLoRA(modules), base: base, tensors: tensors}, nil
}

// fromGGUF returns the factors under PEFT's names, with the rows of q and k as Hugging Face has them.
func (f *factors) fromGGUF(architecture string, c *model.Config) (*tensorFile, error) {
	family, paired, err := c.GGUFArchitecture()
	if err != nil {
		return nil, err
	}
	if architecture != family {
		return nil, fmt.Errorf("%s is %s, the base's is %s", ggufArchitecture, architecture, family)
	}
	if err := f.within(c); err != nil {
		return nil, err
	}
	var all []checkpoint.Tensor
	for _, path := range f.paths {
		at, known := siteOf(path)
		a, b, err := f.pair(path)
		if err != nil {
			return nil, err
		}
		if !known { // a fused module
			all = append(all, a.tensor(peftPrefix+path+".lora_A.weight"), b.tensor(peftPrefix+path+".lora_B.weight"))
			continue
		}
		if at.At == model.Embed {
			a = a.transposed()
		}
		if inPairs(paired, at) {
			if b.rows%c.HeadDim != 0 {
				return nil, fmt.Errorf("tensor %s: %d rows, want a multiple of head_dim %d: an adapter for another base?",
					f.b[path].Name, b.rows, c.HeadDim)
			}
			b = b.inOrder(model.Halves(b.rows/c.HeadDim, c.HeadDim))
		}
		s := loraSite{at: at}
		all = append(all, a.tensor(s.a()), b.tensor(s.b()))
	}
	file := inMemory(all...)
	return file, file.separate(c)
}

// writeGGUF writes a GGUF file for llama.cpp.
func (s *Set) writeGGUF(to string, o Output) error {
	if o.Type = cmp.Or(o.Type, checkpoint.F32); o.Type != checkpoint.F32 && o.Type != checkpoint.F16 {
		return fmt.Errorf("type %s, want F32 or F16", o.Type)
	}
	l, err := s.loraOnly()
	if err != nil {
		return err
	}
	all, alpha, err := s.fold(l)
	if err == nil {
		err = s.untied(all)
	}
	if err != nil {
		return err
	}
	family, paired, err := s.config.GGUFArchitecture()
	if err != nil {
		return err
	}
	keys := []gguf.Key{
		{Name: ggufArchitecture, Value: family}, {Name: ggufType, Value: "adapter"}, {Name: ggufAdapter, Value: TypeLoRA},
		{Name: "general.name", Value: o.titleOf(to)}, {Name: ggufAlpha, Value: float32(alpha)},
		{Name: "general.quantization_version", Value: uint32(2)},
	}
	if o.Record.Type != "" {
		key, err := o.Record.GGUF()
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	var tensors []checkpoint.Lazy
	for _, m := range slices.SortedFunc(slices.Values(joined(all, alpha, s.config, filePath)), byPath) {
		name := model.GGUFName(family, m.path+weight)
		if m.alpha != alpha {
			m.b = m.b.times(m.alpha / alpha)
		}
		if m.at.At == model.Embed {
			m.a = m.a.transposed()
		}
		if inPairs(paired, m.at) {
			m.b = m.b.inOrder(model.Neighbours(m.b.rows/s.config.HeadDim, s.config.HeadDim))
		}
		tensors = append(tensors, m.a.output(name+ggufA, o.Type), m.b.output(name+ggufB, o.Type))
	}
	return gguf.Write(to, keys, tensors)
}

// output returns the factor as a tensor of a GGUF file.
func (m factor) output(name string, as checkpoint.Type) checkpoint.Lazy {
	return checkpoint.Lazy{Name: name, Type: as, Shape: []int{m.rows, m.columns}, Write: func(w io.Writer) error {
		data := make([]byte, len(m.data)*as.BlockBytes())
		if err := checkpoint.Encode(as, data, m.data); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}}
}
