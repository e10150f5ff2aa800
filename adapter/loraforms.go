package adapter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/checkpoint/safetensors"
	"fettle/model"
)

// portable returns the LoRA with one rank, one alpha and the scale alpha/rank, which every reader of PEFT's files
// computes; many pass over use_rslora and patterns. B takes the difference.
func (s *Set) portable(l LoRA) (*Set, error) {
	alpha := l.Alpha
	if alpha == 0 {
		alpha = 1
	}
	all, rank, _, err := s.even(l, alpha)
	if err != nil {
		return nil, err
	}
	plain := l
	plain.Rank, plain.Alpha, plain.RSLoRA, plain.RankPattern, plain.AlphaPattern = rank, alpha, false, nil, nil
	to, err := blank(plain, s.config)
	if err != nil {
		return nil, err
	}
	to.Base, to.along = s.Base, s.along
	from, params := s.byName(), to.byName()
	for name, p := range from {
		if params[name] != nil && len(params[name].Data) == len(p.Data) {
			copy(params[name].Data, p.Data)
		}
	}
	sites, err := l.sites(s.config)
	if err != nil {
		return nil, err
	}
	for i, at := range sites {
		copy(params[at.a()].Data, all[i].a.data)
		copy(params[at.b()].Data, all[i].b.data)
		if p := params[at.bias()]; p != nil {
			copy(p.Data, factor{1, len(p.Data), p.Data}.times(at.alpha/alpha*float64(rank)/float64(at.form.r)).data)
		}
	}
	return to, nil
}

// untied refuses LoRA at the embedding or the head of a tied base, where a form's reader would apply it to both.
func (s *Set) untied(all []folded) error {
	for _, m := range all {
		if s.config.Tied && m.at.At >= model.Embed {
			return fmt.Errorf("the adapter has LoRA on %s, and embedding and head of the base are one weight, for which the "+
				"form's readers do not compute it: merge the adapter into its base and export the model", m.at.At)
		}
	}
	return nil
}

// byPath sorts modules as their names sort in a file of PEFT.
func byPath(a, b folded) int { return cmp.Compare(a.at.ModuleName(), b.at.ModuleName()) }

// writeGGUF writes a GGUF file for llama.cpp.
func (s *Set) writeGGUF(to string, o Output) error {
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
	family := ggufFamily(s.config)
	keys := []gguf.Key{
		{Name: ggufArchitecture, Value: family}, {Name: ggufType, Value: "adapter"}, {Name: ggufAdapter, Value: TypeLoRA},
		{Name: "general.name", Value: o.titleOf(to)}, {Name: ggufAlpha, Value: float32(alpha)},
		{Name: "general.quantization_version", Value: uint32(2)},
	}
	if o.Record.Type != "" {
		text, err := o.Record.Encode()
		if err != nil {
			return err
		}
		keys = append(keys, gguf.Key{Name: ggufRecord, Value: string(text)})
	}
	var tensors []checkpoint.Lazy
	for _, m := range slices.SortedFunc(slices.Values(all), byPath) {
		name := ggufName(m.at)
		if m.at.At == model.Embed {
			m.a = m.a.transposed()
		}
		if permutes(family, m.at) {
			m.b = m.b.rowsFrom(halves(s.config.HeadDim))
		}
		tensors = append(tensors, m.a.output(name+ggufA, o.Type), m.b.output(name+ggufB, o.Type))
	}
	return gguf.Write(to, keys, tensors)
}

// output returns the factor as a tensor of a GGUF file, of type F32 where none is given.
func (m factor) output(name string, as checkpoint.Type) checkpoint.Lazy {
	as = cmp.Or(as, checkpoint.F32)
	return checkpoint.Lazy{Name: name, Type: as, Shape: []int{m.rows, m.columns}, Write: func(w io.Writer) error {
		if as != checkpoint.F32 && as != checkpoint.F16 {
			return fmt.Errorf("type %s, want F32 or F16", as)
		}
		data := make([]byte, len(m.data)*as.BlockBytes())
		if err := checkpoint.Encode(as, data, m.data); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}}
}

// writeMLX writes a directory of mlx-lm.
func (s *Set) writeMLX(to string, o Output) error {
	l, err := s.loraOnly()
	if err != nil {
		return err
	}
	all, rank, alpha, err := s.even(l, 0)
	if err == nil {
		err = s.untied(all)
	}
	if err != nil {
		return err
	}
	keys, lowest := map[string]bool{}, s.config.Layers
	var tensors []checkpoint.Tensor
	for _, m := range all {
		path := m.at.ModuleName()
		key := path
		if m.at.At < model.Embed {
			lowest = min(lowest, m.at.Layer)
			key = strings.TrimPrefix(path, fmt.Sprintf("model.layers.%d.", m.at.Layer))
		}
		keys[key] = true
		tensors = append(tensors, m.a.transposed().tensor(path+mlxA), m.b.transposed().tensor(path+mlxB))
	}
	config, err := json.MarshalIndent(map[string]any{
		"fine_tune_type": TypeLoRA, "num_layers": s.config.Layers - lowest, "model": s.Base,
		"lora_parameters": map[string]any{
			"rank": rank, "scale": number(alpha/float64(rank), true), "dropout": number(l.Dropout, true),
			"keys": slices.Sorted(maps.Keys(keys)),
		},
	}, "", "    ")
	if err != nil {
		return err
	}
	return writeFiles(to, o, map[string]atomicfile.Content{
		ConfigFile: atomicfile.Bytes(append(config, '\n')),
		mlxWeights: func(w io.Writer) error { return safetensors.Encode(w, tensors, map[string]string{"format": "mlx"}) },
	})
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
	text, err := settings.encode()
	if err != nil {
		return err
	}
	return writeFiles(to, o, map[string]atomicfile.Content{
		litLoRA: pthFile(tensors), litSettings: atomicfile.Bytes(text),
	})
}

// above returns the factor with another one below.
func (m factor) above(other factor) factor {
	return factor{m.rows + other.rows, other.columns, slices.Concat(m.data, other.data)}
}
