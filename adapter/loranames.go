package adapter

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
)

// peftPath returns the path that a site's module has in PEFT, which knows the base by its classes in transformers: with
// Phi-3's fused modules, and the language model inside a larger one.
func peftPath(c *model.Config, at model.Site) string {
	path := filePath(c, at)
	if c.Nested {
		path, _ = model.NestedNames(path)
	}
	return path
}

// filePath returns the path of the module with a site's weight in files of the base: a fused one for Phi-3.
func filePath(c *model.Config, at model.Site) string {
	if fused, _, _ := c.FusedModule(at); fused != "" {
		return fused
	}
	return at.ModuleName()
}

// isFused reports whether a path is that of a fused module in a layer.
func isFused(path string) bool {
	layer, _, inLayer := splitPath(path)
	phi3 := model.Arch{Fused: true}
	return inLayer && slices.ContainsFunc(phi3.FusedModules(), func(module string) bool {
		return path == fmt.Sprintf("model.layers.%d.%s", layer, module)
	})
}

// otherPaths lists the paths, beside its own, by which files of PEFT may name a site's module.
func otherPaths(c *model.Config, at model.Site) (all []string) {
	if fused, _, _ := c.FusedModule(at); fused != "" {
		all = append(all, fused)
	}
	if c.Nests() {
		five, four := model.NestedNames(at.ModuleName())
		all = append(all, five, four)
	}
	return all
}

// separate gives the tensors of a file of PEFT the names of the base's sites: those of a language model inside a larger
// one alone. The LoRA of a fused module becomes one of each projection in it, with the same A and its own rows of B.
func (f *tensorFile) separate(c *model.Config) error {
	for name, t := range f.tensors {
		inPEFT, ok := strings.CutPrefix(name, peftPrefix)
		plain := model.PlainName(inPEFT)
		if !c.Nests() || !ok || plain == inPEFT {
			continue
		}
		delete(f.tensors, name)
		if t.Name = peftPrefix + plain; plain != "" {
			f.tensors[t.Name] = t
		}
	}
	used := map[string]bool{}
	for _, at := range linearSites(c) {
		fused, first, rows := c.FusedModule(at)
		if fused == "" {
			continue
		}
		out, _ := c.Width(at.At)
		for _, end := range []string{".lora_A.weight", ".lora_B.weight", ".lora_B.bias"} {
			t, ok := f.tensors[peftPrefix+fused+end]
			if !ok {
				continue
			}
			used[t.Name] = true
			part := t
			part.Name = peftPrefix + at.ModuleName() + end
			if end != ".lora_A.weight" {
				if len(t.Shape) == 0 || t.Shape[0] != rows || len(t.Data)%rows != 0 {
					return fmt.Errorf("tensor %s: shape %v, want %d rows: an adapter for another base?", t.Name, t.Shape, rows)
				}
				row := len(t.Data) / rows
				part.Data, part.Shape = t.Data[first*row:][:out*row], slices.Clone(t.Shape)
				part.Shape[0] = out
			}
			if _, twice := f.tensors[part.Name]; twice {
				return fmt.Errorf("tensors %s and %s are both there", t.Name, part.Name)
			}
			f.tensors[part.Name] = part
		}
	}
	maps.DeleteFunc(f.tensors, func(name string, _ checkpoint.Tensor) bool { return used[name] })
	return nil
}

// savedModule is a module of a LoRA as files of the base name it.
type savedModule struct {
	path string
	folded
	alpha float64 // the scale times the rank
}

// joined returns modules with those of projections that have one path joined to one.
func joined(all []folded, alpha float64, c *model.Config, path func(*model.Config, model.Site) string) []savedModule {
	in := map[string][]folded{}
	var paths []string
	for _, m := range all {
		p := path(c, m.at)
		if in[p] == nil {
			paths = append(paths, p)
		}
		in[p] = append(in[p], m)
	}
	var modules []savedModule
	for _, p := range paths {
		m, divisor := in[p][0], in[p][0].a.rows
		if _, _, rows := c.FusedModule(m.at); rows > 0 {
			m = fused(in[p], rows, c)
		}
		modules = append(modules, savedModule{p, m, alpha * float64(m.a.rows) / float64(divisor)})
	}
	return modules
}

// fused joins modules whose weights are rows of one weight: A of all of them one below the other, and B with theirs on
// the diagonal; or one A, where it is the same. B takes what their divisors, the ranks, differ by from the first's.
func fused(parts []folded, rows int, c *model.Config) folded {
	first := parts[0]
	same := !slices.ContainsFunc(parts, func(m folded) bool { return !slices.Equal(m.a.data, first.a.data) })
	a := first.a
	if !same {
		a = factor{columns: a.columns}
		for _, m := range parts {
			a = a.above(m.a)
		}
	}
	b, column := factor{rows, a.rows, make([]float32, rows*a.rows)}, 0
	for _, m := range parts {
		_, row, _ := c.FusedModule(m.at)
		own := m.b
		if own.columns != first.b.columns {
			own = own.times(float64(first.b.columns) / float64(own.columns))
		}
		for i := range own.rows {
			copy(b.data[(row+i)*b.columns+column:], own.data[i*own.columns:][:own.columns])
		}
		if !same {
			column += own.columns
		}
	}
	return folded{first.at, a, b}
}

// renamed returns a module of a LoRA that has another path in PEFT, and this path; "" for none.
func (l LoRA) renamed(c *model.Config) (path, inPEFT string) {
	sites, _ := l.sites(c)
	for _, at := range sites {
		if path, inPEFT = at.at.ModuleName(), peftPath(c, at.at); path != inPEFT {
			return path, inPEFT
		}
	}
	return "", ""
}

// readers says how an adapter in dir is written for PEFT, which would pass over modules that it does not find.
func (l LoRA) readers(c *model.Config, dir string) string {
	path, inPEFT := l.renamed(c)
	if path == "" {
		return ""
	}
	return fmt.Sprintf("PEFT cannot read this adapter: the base's %s is %s there.\nFor PEFT: fettle convert --input %s "+
		"--format peft --output NAME", path, inPEFT, dir)
}

// writeRenamed writes PEFT's files of a LoRA with the modules that PEFT has.
func (s *Set) writeRenamed(to string, l LoRA, o Output) error {
	if l.Bias || len(l.Replication) > 0 {
		return errors.New("the base's modules have other names in PEFT, and the adapter has lora_bias or " +
			"layer_replication, which is not written with them: merge it into its base and export the model")
	}
	all, alpha, err := s.fold(l)
	if err != nil {
		return err
	}
	var modules []storedModule
	var tensors []checkpoint.Tensor
	for _, m := range joined(all, alpha, s.config, peftPath) {
		modules = append(modules, storedModule{m.path, m.a.rows, m.alpha})
		as, bs := ".lora_A.weight", ".lora_B.weight"
		if m.at.At == model.Embed {
			as, bs = ".lora_embedding_A", ".lora_embedding_B"
		}
		tensors = append(tensors, m.a.tensor(peftPrefix+m.path+as), m.b.tensor(peftPrefix+m.path+bs))
	}
	as := listedLoRA(modules)
	as.Dropout, as.Saved = l.Dropout, l.Saved
	if o.Portable && len(as.RankPattern)+len(as.AlphaPattern) > 0 {
		return errors.New("portable: projections that are one module in PEFT have another rank there than the rest")
	}
	params := s.byName()
	for _, m := range all {
		delete(params, loraSite{at: m.at}.a())
		delete(params, loraSite{at: m.at}.b())
	}
	for _, t := range s.tensors(params) {
		if s.config.Nested {
			t.Name, _ = model.NestedNames(strings.TrimPrefix(t.Name, peftPrefix))
			t.Name = peftPrefix + t.Name
		}
		tensors = append(tensors, t)
	}
	text, err := encodeMethod(as, s.Base)
	if err != nil {
		return err
	}
	return s.writeFiles(to, o, map[string]atomicfile.Content{
		ConfigFile:  atomicfile.Bytes(text),
		WeightsFile: func(w io.Writer) error { return safetensors.Encode(w, tensors, map[string]string{"format": "pt"}) },
	})
}
