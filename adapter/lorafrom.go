package adapter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/model"
)

// storedModule is a module of a LoRA that a file lists by its tensors.
type storedModule struct {
	path  string // in Hugging Face's names
	rank  int
	alpha float64 // the scale times the rank
}

// listedLoRA returns the settings of a LoRA of the modules: the rank and the alpha that most of them have, and patterns
// for the others. Where the modules are the same in a range of layers, short names and these layers select them; else
// whole paths.
func listedLoRA(modules []storedModule) LoRA {
	l := LoRA{LoRAFile: LoRAFile{Stored: true}}
	l.Rank = most(modules, func(m storedModule) int { return m.rank })
	l.Alpha = most(modules, func(m storedModule) float64 { return m.alpha })
	for _, m := range modules {
		if m.rank != l.Rank {
			l.RankPattern = append(l.RankPattern, Member[int]{m.path, m.rank})
		}
		if m.alpha != l.Alpha {
			l.AlphaPattern = append(l.AlphaPattern, Member[float64]{m.path, m.alpha})
		}
	}
	l.Targets, l.OnlyLayers = selection(modules)
	return l
}

// most returns the value that most modules have, the first of several.
func most[T comparable](modules []storedModule, value func(storedModule) T) T {
	count := map[T]int{}
	for _, m := range modules {
		count[value(m)]++
	}
	best := value(modules[0])
	for _, m := range modules {
		if v := value(m); count[v] > count[best] {
			best = v
		}
	}
	return best
}

// selection returns target_modules and layers_to_transform that select the modules and no others.
func selection(modules []storedModule) (targets []string, layers []int) {
	in, seen := map[string]map[int]bool{}, map[int]bool{} // layers by short name, and all
	for _, m := range modules {
		layer, short, inLayer := splitPath(m.path)
		if !inLayer {
			targets = append(targets, m.path)
			continue
		}
		if in[short] == nil {
			in[short] = map[int]bool{}
		}
		in[short][layer], seen[layer] = true, true
	}
	layers = slices.Sorted(maps.Keys(seen))
	uniform := true
	for _, at := range in {
		uniform = uniform && len(at) == len(layers)
	}
	if !uniform {
		targets, layers = nil, nil
		for _, m := range modules {
			targets = append(targets, m.path)
		}
	} else {
		for short := range in {
			targets = append(targets, short)
		}
	}
	slices.Sort(targets)
	return targets, layers
}

// splitPath splits the path of a module inside a layer.
func splitPath(path string) (layer int, short string, ok bool) {
	layer, _, _ = layerOf(path)
	return layer, path[strings.LastIndexByte(path, '.')+1:], layer >= 0
}

// siteOf returns the site of a module's path.
func siteOf(path string) (model.Site, bool) {
	layer, short, inLayer := splitPath(path)
	for _, p := range model.Projections() {
		if at := (model.Site{Layer: layer, At: p}); inLayer && p.String() == short && at.ModuleName() == path {
			return at, true
		}
	}
	for _, p := range []model.Place{model.Embed, model.Head} {
		if at := (model.Site{At: p}); at.ModuleName() == path {
			return at, true
		}
	}
	return model.Site{}, false
}

// factors collects the two matrices of every module of a file.
type factors struct {
	paths []string // of the modules, in the order of the file
	a, b  map[string]checkpoint.Tensor
}

// add stores the factor a or b of a module.
func (f *factors) add(path, which string, t checkpoint.Tensor) error {
	if f.a == nil {
		f.a, f.b = map[string]checkpoint.Tensor{}, map[string]checkpoint.Tensor{}
	}
	into := map[string]map[string]checkpoint.Tensor{"a": f.a, "b": f.b}[which]
	if len(t.Shape) != 2 {
		return fmt.Errorf("tensor %s: shape %v, want a matrix", t.Name, t.Shape)
	}
	if _, twice := into[path]; twice {
		return fmt.Errorf("tensor %s: module %s has this factor twice", t.Name, path)
	}
	if len(f.a[path].Shape)+len(f.b[path].Shape) == 0 {
		f.paths = append(f.paths, path)
	}
	into[path] = t
	return nil
}

// factorName splits a factor's name: the module's and "a" or "b" by its ending; "" for neither.
func factorName(name, endOfA, endOfB string) (module, which string) {
	if module, ok := strings.CutSuffix(name, endOfA); ok {
		return module, "a"
	}
	if module, ok := strings.CutSuffix(name, endOfB); ok {
		return module, "b"
	}
	return name, ""
}

// pair returns the two matrices of a module.
func (f *factors) pair(path string) (a, b factor, err error) {
	if a, err = factorOf(f.a[path]); err == nil {
		b, err = factorOf(f.b[path])
	}
	return a, b, err
}

// within refuses modules in layers that the base does not have.
func (f *factors) within(c *model.Config) error {
	for _, path := range f.paths {
		if layer, _, inLayer := splitPath(path); inLayer && layer >= c.Layers {
			return fmt.Errorf("tensor %s is for layer %d, the base has %d, from 0: an adapter for another base?",
				f.a[path].Name, layer, c.Layers)
		}
	}
	return nil
}

// modules lists the modules; rank returns the rank by the shapes of A and of B.
func (f *factors) modules(rank func(path string, a, b checkpoint.Tensor) (ofA, ofB int)) ([]storedModule, error) {
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("it has no tensors of a LoRA")
	}
	var all []storedModule
	for _, path := range f.paths {
		a, hasA := f.a[path]
		b, hasB := f.b[path]
		switch {
		case !hasA:
			return nil, fmt.Errorf("tensor %s has no A beside it", b.Name)
		case !hasB:
			return nil, fmt.Errorf("tensor %s has no B beside it", a.Name)
		}
		ofA, ofB := rank(path, a, b)
		if ofA != ofB {
			return nil, fmt.Errorf("tensors %s %v and %s %v have different ranks", a.Name, a.Shape, b.Name, b.Shape)
		}
		if ofA < 1 || ofA > maxRank {
			return nil, fmt.Errorf("tensor %s: rank %d, want 1 … %d", a.Name, ofA, maxRank)
		}
		all = append(all, storedModule{path: path, rank: ofA})
	}
	return all, nil
}

// factor is A or B, or its transpose.
type factor struct {
	rows, columns int
	data          []float32
}

func factorOf(t checkpoint.Tensor) (factor, error) {
	data, err := checkpoint.Float32s(t)
	return factor{t.Shape[0], t.Shape[1], data}, err
}

// inFloat32 returns the tensor in float32, in memory of its own: its file may be closed.
func inFloat32(t checkpoint.Tensor) (checkpoint.Tensor, error) {
	values, err := checkpoint.Float32s(t)
	return checkpoint.FromFloat32s(t.Name, t.Shape, values), err
}

// transposed returns the transpose.
func (m factor) transposed() factor {
	out := factor{m.columns, m.rows, make([]float32, len(m.data))}
	for i := range m.rows {
		for j, v := range m.data[i*m.columns:][:m.columns] {
			out.data[j*m.rows+i] = v
		}
	}
	return out
}

// inOrder returns the matrix whose row i is row order[i].
func (m factor) inOrder(order []int32) factor {
	out := factor{m.rows, m.columns, make([]float32, 0, len(m.data))}
	for _, at := range order {
		out.data = append(out.data, m.data[int(at)*m.columns:][:m.columns]...)
	}
	return out
}

// part returns rows lo … hi-1.
func (m factor) part(lo, hi int) factor {
	return factor{hi - lo, m.columns, m.data[lo*m.columns : hi*m.columns]}
}

// tensor returns the matrix as a tensor of the parameter.
func (m factor) tensor(name string) checkpoint.Tensor {
	return checkpoint.FromFloat32s(name, []int{m.rows, m.columns}, m.data)
}

// inMemory is a file of tensors that were made from another's.
func inMemory(tensors ...checkpoint.Tensor) *tensorFile {
	f := &tensorFile{tensors: map[string]checkpoint.Tensor{}, close: func() error { return nil }}
	for _, t := range tensors {
		f.tensors[t.Name] = t
	}
	return f
}
