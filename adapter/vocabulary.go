package adapter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/model"
)

// ofBase lists the endings, after a module's path, of tensors that hold the base's own weight of a module: of one that
// is neither a target nor saved, of a target, of a saved module, and of one with trained rows.
var ofBase = []string{".weight", ".base_layer.weight", ".original_module.weight", ".token_adapter.base_layer.weight"}

// names lists the tensors, sorted.
func (f *tensorFile) names() []string { return slices.Sorted(maps.Keys(f.tensors)) }

// alongside reports whether a tensor is the base's own embedding or head, which PEFT saves along with an adapter.
func (f *tensorFile) alongside(name string) bool {
	for _, at := range []model.Site{{At: model.Embed}, {At: model.Head}} {
		if suffix, ok := strings.CutPrefix(name, peftPrefix+at.ModuleName()); ok && slices.Contains(ofBase, suffix) {
			return true
		}
	}
	return false
}

// own returns the base's own weight of a module in the file, nil for none. A saved module's weight is not the base's.
func (f *tensorFile) own(module string, saved bool) (*checkpoint.Tensor, error) {
	var found *checkpoint.Tensor
	for _, suffix := range ofBase {
		t, ok := f.tensors[peftPrefix+module+suffix]
		if !ok || saved && suffix == ofBase[0] {
			continue
		}
		if found == nil {
			found = &t
		} else if same, err := equalTensors(*found, t); err != nil || !same {
			return nil, fmt.Errorf("tensors %s and %s are both the base's own weight, and differ", found.Name, t.Name)
		}
	}
	return found, nil
}

// saver is a method with Saved among its settings.
type saver interface {
	saves(weight string) bool
	ties(*model.Config) bool
	unties(*model.Config) bool
}

// withVocabulary returns the model with the embedding and the head that a file brings along where they differ from its
// own, and those tensors. PEFT saves them where the vocabulary was resized, where they are targets, and on request.
// Saved modules can bring another number of tokens, too.
func withVocabulary(f *tensorFile, method Method, m *model.Model) (*model.Model, []checkpoint.Tensor, error) {
	c := m.Config()
	settings, ok := method.(saver)
	if !ok {
		settings = Saved{}
	}
	var with [2]*checkpoint.Tensor
	var along []checkpoint.Tensor
	resized := false
	for i, at := range [2]model.Site{model.EmbedSite(), c.HeadSite()} {
		saved := settings.saves(at.WeightName()) || settings.ties(c)
		own, err := f.own(at.ModuleName(), saved)
		if err != nil {
			return nil, nil, err
		}
		if own != nil && !sameMatrix(*own, m.Weight(at)) {
			with[i], along = own, append(along, *own)
		}
		if t, ok := f.tensors[peftPrefix+at.WeightName()]; ok && saved && len(t.Shape) == 2 && t.Shape[0] != c.Vocab {
			with[i] = &t
		}
		resized = resized || with[i] != nil && with[i].Shape[0] != c.Vocab
	}
	switch one := (with[0] == nil) != (with[1] == nil); {
	case with[0] == nil && with[1] == nil:
		return m, nil, nil
	case resized && one && (settings.unties(c) || !c.Tied):
		return nil, nil, fmt.Errorf("the adapter has an embedding or a head for another number of tokens than the "+
			"base's %d, and not both: PEFT does not save the second where the first is a target of LoRA or has trained "+
			"tokens; train with both, or save the resized base as a model and use that", c.Vocab)
	case c.Tied && !settings.unties(c) && !one:
		if same, err := equalTensors(*with[0], *with[1]); err != nil || !same {
			return nil, nil, fmt.Errorf("tensors %s and %s differ, and embedding and head of the base are one weight",
				with[0].Name, with[1].Name)
		}
		with[1] = nil
	}
	f.keep = true
	m = m.Own()
	return m, along, m.Replace(model.Vocabulary{Embed: with[0], Head: with[1]})
}

// sameMatrix reports whether a tensor holds the numbers of a matrix.
func sameMatrix(t checkpoint.Tensor, w *compute.Matrix) bool {
	if !slices.Equal(t.Shape, []int{w.N, w.K}) {
		return false
	}
	row := make([]float32, w.K)
	for i := range w.N { // row by row: a large vocabulary in float32 may not fit into memory
		values, err := checkpoint.Float32s(checkpoint.Tensor{Type: t.Type, Data: t.Row(i)})
		if w.Row(row, i, 0); err != nil || !slices.Equal(row, values) {
			return false
		}
	}
	return true
}

// Resized returns the dimensions of a base with the vocabulary that an adapter brings along, c itself where it brings
// none.
func Resized(name string, c *model.Config) (*model.Config, error) {
	path, _, err := Locate(name)
	if err != nil || FormOf(path) != PEFT {
		return c, err
	}
	f, err := openTensors(path, WeightsFile)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", path, err)
	}
	defer f.Close()
	return f.resized(c), nil
}

// resized returns the dimensions with the vocabulary of the file.
func (f *tensorFile) resized(c *model.Config) *model.Config {
	for _, name := range f.names() {
		if shape := f.tensors[name].Shape; f.alongside(name) && len(shape) == 2 && shape[0] != c.Vocab {
			resized := *c
			resized.Vocab = shape[0]
			return &resized
		}
	}
	return c
}
