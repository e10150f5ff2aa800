package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
)

// fusions lists the tensors that Phi-3 keeps in one: module inside a layer, and the projections whose rows it holds.
var fusions = []struct {
	module string
	parts  []Place
}{
	{"self_attn.qkv_proj", []Place{QProj, KProj, VProj}},
	{"mlp.gate_up_proj", []Place{GateProj, UpProj}},
}

// FusedModules lists the modules inside a layer that stand for several projections in files of the architecture.
func (a *Arch) FusedModules() []string {
	if !a.Fused {
		return nil
	}
	var all []string
	for _, f := range fusions {
		all = append(all, f.module)
	}
	return all
}

// FusedModule returns the path of the module in whose weight files of the architecture have the rows of a projection's,
// the first of these rows, and how many the weight has; "" for a weight of its own.
func (c *Config) FusedModule(at Site) (path string, first, rows int) {
	if !c.Arch.Fused {
		return "", 0, 0
	}
	for _, f := range fusions {
		if !slices.Contains(f.parts, at.At) {
			continue
		}
		for _, p := range f.parts {
			if p == at.At {
				first = rows
			}
			n, _ := c.Width(p)
			rows += n
		}
		return c.layerModule(at.Layer, f.module), first, rows
	}
	return "", 0, 0
}

// separate names the tensors of a file as Config.Tensors does: fused ones apart, those of a language model inside a
// larger one alone.
func (c *Config) separate(tensors map[string]checkpoint.Tensor) error {
	if c.Nests() {
		onlyText(tensors)
	}
	return c.Split(tensors)
}

// Split replaces fused tensors by windows into them, one for each projection.
func (c *Config) Split(tensors map[string]checkpoint.Tensor) error {
	if !c.Arch.Fused {
		return nil
	}
	for l := range c.Layers {
		for _, f := range fusions {
			name, rows := c.layerModule(l, f.module)+weightSuffix, 0
			t, ok := tensors[name]
			for _, p := range f.parts {
				n, _ := c.Width(p)
				rows += n
			}
			switch {
			case !ok:
				continue
			case len(t.Shape) != 2 || t.Shape[0] != rows || t.Order != nil || len(t.Data)%rows != 0:
				return fmt.Errorf("tensor %s: shape %v, want [%d %d]", name, t.Shape, rows, c.Hidden)
			}
			delete(tensors, name)
			row, from := len(t.Data)/rows, 0
			for _, p := range f.parts {
				n, _ := c.Width(p)
				part := t
				part.Name, part.Shape = (Site{l, p}).WeightName(), []int{n, t.Shape[1]}
				part.Data = t.Data[from*row : (from+n)*row : (from+n)*row]
				tensors[part.Name], from = part, from+n
			}
		}
	}
	return nil
}

// Together returns the tensors of a model as files of its architecture have them: Phi-3's projections in fused tensors,
// others as they are. Parts of a fused tensor must all be there.
func (c *Config) Together(tensors []checkpoint.Computed) ([]checkpoint.Computed, error) {
	if !c.Arch.Fused {
		return tensors, nil
	}
	byName := map[string]checkpoint.Computed{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	var all []checkpoint.Computed
	for l := range c.Layers {
		for _, f := range fusions {
			var parts []checkpoint.Computed
			for _, p := range f.parts {
				name := Site{l, p}.WeightName()
				t, ok := byName[name]
				if !ok || len(t.Shape) != 2 || t.Shape[1] != c.Hidden {
					return nil, fmt.Errorf("tensor %s is missing or no matrix of rows of %d", name, c.Hidden)
				}
				parts = append(parts, t)
				delete(byName, name)
			}
			all = append(all, checkpoint.Stacked(c.layerModule(l, f.module)+weightSuffix, parts))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all, nil
}

// The names of a language model's tensors in files that hold an encoder of pictures too, of transformers 4 and 5, and
// those of the parts beside it.
var (
	textPrefixes = [][2]string{
		{"language_model.model.", "model."}, {"model.language_model.", "model."}, {"language_model.lm_head.", "lm_head."},
	}
	besideText = []string{"vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."}
)

// onlyText renames the tensors of a language model inside a larger one, and leaves the others out.
func onlyText(tensors map[string]checkpoint.Tensor) {
	for name, t := range tensors {
		plain := PlainName(name)
		if plain != name {
			delete(tensors, name)
		}
		if t.Name = plain; plain != "" {
			tensors[plain] = t
		}
	}
}

// PlainName returns the name that a language model's tensor inside a larger model has in files of the language model
// alone; "" for a tensor of the parts beside it.
func PlainName(name string) string {
	if slices.ContainsFunc(besideText, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return ""
	}
	for _, p := range textPrefixes {
		if rest, ok := strings.CutPrefix(name, p[0]); ok {
			return p[1] + rest
		}
	}
	return name
}

// Nests reports whether there are models of the family inside larger ones.
func (c *Config) Nests() bool {
	return slices.Contains(slices.Collect(maps.Values(around)), c.Type)
}

// NestedNames returns the names that PlainName maps to a name: that of transformers 5, then that of 4.
func NestedNames(name string) (five, four string) {
	if rest, ok := strings.CutPrefix(name, "model."); ok {
		return "model.language_model." + rest, "language_model.model." + rest
	}
	return name, "language_model." + name
}
