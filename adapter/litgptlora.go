package adapter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/model"
)

// litModules lists LitGPT's names, after transformer.h.N., of the projections that have a LoRA each. Those of q, k and
// v are one: see litQKV.
var litModules = map[string]model.Place{
	"attn.proj": model.OProj, "mlp.fc_1": model.GateProj, "mlp.fc_2": model.UpProj, "mlp.proj": model.DownProj,
}

// litQKV names the joint module of q, k and v: A of those that are adapted lie one below the other (n·r, D), and so do
// their B (rows of all of them, r). litInterleaved names it in versions up to 0.5.4, whose joint weight has, group by
// group, the rows of the group's queries, its key and its value. They put B's rows where they belong if one or two of
// q, k and v are adapted; of all three, row i of B's is added to row i of the joint weight, whatever that is.
const (
	litQKV         = "attn.qkv"
	litInterleaved = "attn.attn"
)

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
		path, which := factorName(name, ".lora_A", ".lora_B")
		if which == "" {
			return nil, fmt.Errorf("tensor %s is none of a LoRA", name)
		}
		if err := found.add(path, which, file[name]); err != nil {
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
		times := 1
		if interleaved(path, at) {
			times = len(at)
		}
		for _, one := range at {
			modules = append(modules, storedModule{one.ModuleName(), times * *s.Rank, float64(times) * *s.Alpha})
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
	if ok && (name == litQKV || name == litInterleaved) {
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
		a, b, err := f.pair(path)
		if err != nil {
			return nil, err
		}
		if interleaved(path, sites[path]) {
			apart, err := interleave(a, b, sites[path], c)
			if err != nil {
				return nil, fmt.Errorf("tensor %s: %w", f.b[path].Name, err)
			}
			all = append(all, apart...)
			continue
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

// interleaved reports whether the rows of a module's B are added to those of the joint weight as they stand.
func interleaved(path string, sites []model.Site) bool {
	return len(sites) == 3 && strings.HasSuffix(path, "."+litInterleaved)
}

// interleave returns the factors of q, k and v whose joint rows are interleaved. A row of q's may have A of k or v, so
// each gets A of all three (3r, D), and B (out, 3r) that is zero but for the columns of the row's.
func interleave(a, b factor, sites []model.Site, c *model.Config) ([]checkpoint.Tensor, error) {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	if b.rows != q+2*kv {
		return nil, fmt.Errorf("%d rows, want %d of q, k and v: an adapter for another base?", b.rows, q+2*kv)
	}
	rank := b.columns
	out := [3]factor{}
	for i, rows := range []int{q, kv, kv} {
		out[i] = factor{rows, 3 * rank, make([]float32, rows*3*rank)}
	}
	perGroup := c.Heads/c.KVHeads + 2 // heads: the queries', the key's, the value's
	for i := range b.rows {
		block := 0 // whose A
		if i >= q {
			block = 1 + (i-q)/kv
		}
		head, in := i/c.HeadDim, i%c.HeadDim
		group, part := head/perGroup, head%perGroup
		to, row := 0, (group*(perGroup-2)+part)*c.HeadDim+in
		if part >= perGroup-2 {
			to, row = part-perGroup+3, group*c.HeadDim+in
		}
		copy(out[to].data[row*3*rank+block*rank:], b.data[i*rank:][:rank])
	}
	var all []checkpoint.Tensor
	for i, at := range sites {
		s := loraSite{at: at}
		all = append(all, a.tensor(s.a()), out[i].tensor(s.b()))
	}
	return all, nil
}

// writeLitLoRA writes a LoRA of LitGPT, whose modules are the same in all layers: B is zero where there is none.
func (s *Set) writeLitLoRA(to string, o Output) error {
	l, err := s.loraOnly()
	if err != nil {
		return err
	}
	all, rank, alpha, err := s.even(l, 0)
	if err != nil {
		return err
	}
	at, used := map[model.Site]folded{}, map[model.Place]bool{}
	for _, m := range all {
		if at[m.at], used[m.at.At] = m, true; m.at.At == model.Embed {
			return errors.New("LitGPT has no LoRA of embed_tokens: merge the adapter into its base and export the model")
		}
	}
	mlp := used[model.GateProj] || used[model.UpProj] || used[model.DownProj]
	used[model.GateProj], used[model.UpProj], used[model.DownProj] = mlp, mlp, mlp
	one := func(site model.Site) folded {
		if m, ok := at[site]; ok {
			return m
		}
		out, in := s.config.Width(site.At)
		return folded{site, factor{rank, in, make([]float32, rank*in)}, factor{out, rank, make([]float32, out*rank)}}
	}
	var tensors []checkpoint.Tensor
	add := func(name string, sites ...model.Site) {
		var a, b factor
		for _, site := range sites {
			if used[site.At] {
				m := one(site)
				a, b = a.above(m.a), b.above(m.b)
			}
		}
		if a.rows > 0 {
			tensors = append(tensors, a.tensor(name+".lora_A"), b.tensor(name+".lora_B"))
		}
	}
	add(model.Head.String(), s.config.HeadSite())
	for layer := range s.config.Layers {
		site := func(p model.Place) model.Site { return model.Site{Layer: layer, At: p} }
		block := fmt.Sprintf("%s%d.", litBlock, layer)
		add(block+litQKV, site(model.QProj), site(model.KProj), site(model.VProj))
		for _, name := range slices.Sorted(maps.Keys(litModules)) {
			add(block+name, site(litModules[name]))
		}
	}
	settings := litConfig{
		Base: s.Base, Rank: &rank, Alpha: &alpha, Dropout: l.Dropout, Query: used[model.QProj], Key: used[model.KProj],
		Value: used[model.VProj], Projection: used[model.OProj], MLP: mlp, Head: used[model.Head],
	}
	text, err := yaml.Marshal(settings)
	if err != nil {
		return err
	}
	return s.writeFiles(to, o, map[string]atomicfile.Content{
		litLoRA: pthFile(tensors), litSettings: atomicfile.Bytes(text),
	})
}

// above returns the factor with another one below.
func (m factor) above(other factor) factor {
	return factor{m.rows + other.rows, other.columns, slices.Concat(m.data, other.data)}
}
