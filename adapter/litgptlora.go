package adapter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/model"
)

// litModules lists LitGPT's names, after transformer.h.N., of the projections that have a LoRA each. Those of q, k and
// v are one: see litQKV.
var litModules = map[string]model.Place{
	"attn.proj": model.OProj, "mlp.fc_1": model.GateProj, "mlp.fc_2": model.UpProj, "mlp.proj": model.DownProj,
}

// litQKV names the joint module of q, k and v: A of those that are adapted lie one below the other (n·r, D), and so do
// their B (rows of all of them, r). Earlier versions, which interleaved the rows of the joint weight, have them so too.
var litQKV = []string{"attn.qkv", "attn.attn"}

// lora reads a LoRA of LitGPT.
func (s litConfig) lora(file map[string]checkpoint.Tensor) (*stored, error) {
	if s.Rank == nil || s.Alpha == nil {
		return nil, fmt.Errorf("lora_r or lora_alpha is missing: put the run's %s beside %s", litSettings, litLoRA)
	}
	if *s.Rank < 1 || *s.Rank > maxRank {
		return nil, fmt.Errorf("%s: lora_r is %d, want 1 … %d", litSettings, *s.Rank, maxRank)
	}
	var joint []model.Place
	for _, one := range []struct {
		on bool
		at model.Place
	}{{s.Query, model.QProj}, {s.Key, model.KProj}, {s.Value, model.VProj}} {
		if one.on {
			joint = append(joint, one.at)
		}
	}
	var found factors
	var modules []storedModule
	for _, name := range slices.Sorted(maps.Keys(file)) {
		t := file[name]
		path, which := strings.TrimSuffix(name, ".lora_A"), "a"
		if path == name {
			path, which = strings.TrimSuffix(name, ".lora_B"), "b"
		}
		if path == name {
			return nil, fmt.Errorf("tensor %s is none of a LoRA", name)
		}
		if err := found.add(path, which, t); err != nil {
			return nil, err
		}
	}
	sites := map[string][]model.Site{}
	for _, path := range found.paths {
		at, err := litSites(path, joint)
		if err != nil {
			return nil, err
		}
		sites[path] = at
		for _, one := range at {
			modules = append(modules, storedModule{one.ModuleName(), *s.Rank, *s.Alpha})
		}
	}
	if len(modules) == 0 {
		return nil, errors.New("it has no tensors of a LoRA")
	}
	if _, err := found.modules(func(path string, a, b checkpoint.Tensor) (int, int) {
		return a.Shape[0], b.Shape[1] * max(1, len(sites[path]))
	}); err != nil {
		return nil, fmt.Errorf("%w: are lora_query, lora_key and lora_value in %s those of the run?", err, litSettings)
	}
	method := listedLoRA(modules)
	method.Dropout = s.Dropout
	tensors := func(c *model.Config) (*tensorFile, error) { return found.split(sites, c) }
	return &stored{method: method, tensors: tensors}, nil
}

// litSites lists the modules that one of LitGPT's stands for.
func litSites(path string, joint []model.Place) ([]model.Site, error) {
	if path == model.Head.String() {
		return []model.Site{{At: model.Head}}, nil
	}
	block, name, _ := strings.Cut(strings.TrimPrefix(path, litBlock), ".")
	layer, ok := layerNumber(litBlock+block, litBlock, "")
	ok = ok && path == litBlock+block+"."+name
	if place, known := litModules[name]; ok && known {
		return []model.Site{{Layer: layer, At: place}}, nil
	}
	var all []model.Site
	if ok && (name == litQKV[0] || name == litQKV[1]) {
		for _, at := range joint {
			all = append(all, model.Site{Layer: layer, At: at})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("tensors of %s are none of a LoRA on a LLaMA with the settings of %s", path, litSettings)
	}
	return all, nil
}

// split returns the factors under PEFT's names, those of q, k and v each for itself.
func (f *factors) split(sites map[string][]model.Site, c *model.Config) (*tensorFile, error) {
	var all []checkpoint.Tensor
	for _, path := range f.paths {
		a, err := factorOf(f.a[path])
		if err != nil {
			return nil, err
		}
		b, err := factorOf(f.b[path])
		if err != nil {
			return nil, err
		}
		rank, row := b.columns, 0
		for i, at := range sites[path] {
			out, _ := c.Width(at.At)
			if row+out > b.rows || i == len(sites[path])-1 && row+out != b.rows {
				return nil, fmt.Errorf("tensor %s: %d rows, want %d of %s and those beside it: an adapter for another base, or "+
					"for other of q, k and v than %s says?", f.b[path].Name, b.rows, out, at.At, litSettings)
			}
			s := loraSite{at: at}
			all = append(all, a.part(i*rank, (i+1)*rank).tensor(s.a()), b.part(row, row+out).tensor(s.b()))
			row += out
		}
	}
	return inMemory(all...), nil
}
