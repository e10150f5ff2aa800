package adapter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
	"fettle/model"
)

// Merged is a base with adapters in its weights. Where adapter i has W_i in the place of a weight W, such as
// W + s·B·A, it has
//
//	W + Σ_i w_i·(W_i − W)
//
// in float32 with sums in float64, computed when a tensor is written.
type Merged struct {
	base    *model.Model
	config  model.Config
	sets    []*Set
	weights []float64
	order   []int // the base's layer at every layer; nil: each at its own
	sites   map[string]model.Site
	dev     compute.Device // of the products B·A
}

// merger is a delta that can be a part of its site's weight.
type merger interface {
	// merge changes rows first … of the weight (n, k) to the adapted ones.
	merge(rows []float32, first int, dev compute.Device)
}

// Merge merges adapters, loaded for the base m, with a weight for each. No adapter at all leaves the base.
func Merge(m *model.Model, sets []*Set, weights []float64, dev compute.Device) (*Merged, error) {
	g := &Merged{base: m, config: *m.Config(), sets: sets, weights: weights, sites: map[string]model.Site{}, dev: dev}
	if len(weights) != len(sets) {
		return nil, fmt.Errorf("merge: %d weights for %d adapters", len(weights), len(sets))
	}
	for i, s := range sets {
		if math.IsNaN(weights[i]) || math.IsInf(weights[i], 0) {
			return nil, fmt.Errorf("merge: weight %v, want a number", weights[i])
		}
		if err := s.mergeable(); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		c := s.view.Config()
		if r, ok := s.method.(reshaper); ok {
			g.order = r.order()
		}
		reshaped := g.order != nil || c.Vocab != m.Config().Vocab
		if reshaped && (len(sets) > 1 || weights[i] != 1) {
			return nil, errors.New("merge: an adapter with another number of layers or tokens than its base has can only be " +
				"merged alone, with weight 1")
		}
		g.config.Layers, g.config.Vocab, g.config.Arch = c.Layers, c.Vocab, c.Arch
		g.config.Tied = g.config.Tied && s.tied()
	}
	for _, at := range linearSites(&g.config) {
		g.sites[at.WeightName()] = at
	}
	return g, nil
}

// mergeable returns an error if a delta, or a part of one, is not a change of weights.
func (s *Set) mergeable() error {
	for _, at := range s.sites() {
		switch d := s.deltas[at].(type) {
		case *prompt:
			return errors.New("a LLaMA-Adapter cannot be merged: its prompts act in attention, and no weight of the base " +
				"can hold them. Keep it an adapter: chat, generate and serve take it as adapter_name_or_path, and fettle " +
				"export --format llama-adapter, litgpt or peft writes it for other programs")
		case *lora:
			if d.bias != nil && !(at.At < model.Attention && s.config.Arch.Biases[at.At]) {
				return fmt.Errorf("the LoRA has biases (lora_bias), and %v of the base has none to merge them into: use it as "+
					"adapter_name_or_path", at)
			}
		case merger:
		default:
			return fmt.Errorf("the adapter's change at %v cannot be merged", at)
		}
	}
	return nil
}

// tied reports whether embedding and head of the adapted model are one weight.
func (s *Set) tied() bool {
	c := s.view.Config()
	embed, head := s.deltas[model.EmbedSite()], s.deltas[c.HeadSite()]
	if embed == nil && head == nil {
		return c.Tied
	}
	e, replaced := embed.(*embeddedRows)
	h, both := head.(*headRows)
	return c.Tied && replaced && both && e.param == h.param
}

// Config returns the dimensions of the merged model; do not change them.
func (g *Merged) Config() *model.Config { return &g.config }

// Layers lists the base's layer at every layer of the merged model; nil: each at its own.
func (g *Merged) Layers() []int { return g.order }

// Tensors lists the merged model's tensors, given the base's, sorted by name. A tensor that no adapter changes is the
// base's own.
func (g *Merged) Tensors(base map[string]checkpoint.Tensor) ([]checkpoint.Computed, error) {
	from := g.origins(base)
	for _, s := range g.sets {
		for _, at := range s.sites() {
			if _, ok := from[at.WeightName()]; !ok && at.At < model.Embed {
				return nil, fmt.Errorf("merge: the base's files hold %s together with other projections, which cannot be merged "+
					"into: use the adapter as adapter_name_or_path", at.WeightName())
			}
		}
	}
	var all []checkpoint.Computed
	for _, name := range slices.Sorted(maps.Keys(from)) {
		t := base[from[name]]
		t.Name = name
		c := checkpoint.Computed{Tensor: t}
		if at, ok := g.sites[name]; ok {
			c = g.matrix(t, at)
		} else if err := g.replaced(&c); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// origins names the base's tensor that each of the merged model's comes from.
func (g *Merged) origins(base map[string]checkpoint.Tensor) map[string]string {
	from := map[string]string{}
	for name := range base {
		layer, before, after := layerOf(name)
		if g.order == nil || layer < 0 {
			from[name] = name
			continue
		}
		for l, old := range g.order {
			if old == layer {
				from[fmt.Sprintf("%s%d%s", before, l, after)] = name
			}
		}
	}
	embed, head := embedName(), headName(&g.config)
	if !g.config.Tied { // a tied base may have either of them
		for name, other := range map[string]string{embed: head, head: embed} {
			if _, ok := base[name]; !ok {
				from[name] = other
			}
		}
	}
	return from
}

// layerOf splits a tensor's name at the number of its layer, −1 for none.
func layerOf(name string) (layer int, before, after string) {
	const layers = "model.layers."
	rest, ok := strings.CutPrefix(name, layers)
	number, after, found := strings.Cut(rest, ".")
	if layer, err := strconv.Atoi(number); ok && found && err == nil {
		return layer, layers, "." + after
	}
	return -1, "", ""
}

// matrix returns the weight at a site: t, unless an adapter changes it.
func (g *Merged) matrix(t checkpoint.Tensor, at model.Site) checkpoint.Computed {
	base := g.base.Weight(g.origin(at))
	changed := false
	for _, s := range g.sets {
		changed = changed || s.deltas[at] != nil || s.view.Weight(at) != base
	}
	if !changed {
		return checkpoint.Computed{Tensor: t}
	}
	n, k := base.N, base.K
	if len(g.sets) == 1 {
		n = g.sets[0].view.Weight(at).N
	}
	return checkpoint.Computed{
		Tensor: checkpoint.Tensor{Name: t.Name, Type: t.Type, Shape: []int{n, k}},
		Rows: func(dst []float32, first int) error {
			g.combine(dst, func(dst []float32) { copyRows(dst, base, first) }, func(i int, dst []float32) {
				copyRows(dst, g.sets[i].view.Weight(at), first)
				if d, ok := g.sets[i].deltas[at].(merger); ok {
					d.merge(dst, first, g.dev)
				}
			})
			return nil
		},
	}
}

// origin returns the site of the base that a site's weight comes from.
func (g *Merged) origin(at model.Site) model.Site {
	if g.order == nil || at.At >= model.Embed {
		return at
	}
	return model.Site{Layer: g.order[at.Layer], At: at.At}
}

// copyRows writes rows first … of a matrix to dst, as many as it holds.
func copyRows(dst []float32, w *compute.Matrix, first int) {
	for i := range len(dst) / w.K {
		w.Row(dst[i*w.K:][:w.K], first+i, 0)
	}
}

// combine computes W + Σ_i w_i·(W_i − W), W_1 itself where it is alone.
func (g *Merged) combine(dst []float32, base func(dst []float32), adapted func(i int, dst []float32)) {
	if len(g.sets) == 1 && g.weights[0] == 1 {
		adapted(0, dst)
		return
	}
	base(dst)
	sum, part := make([]float64, len(dst)), make([]float32, len(dst))
	for i := range g.sets {
		adapted(i, part)
		for j, v := range part {
			sum[j] += g.weights[i] * (float64(v) - float64(dst[j]))
		}
	}
	for j, v := range sum {
		dst[j] = float32(float64(dst[j]) + v)
	}
}

// replaced gives a tensor outside the sites, as a norm's weight, the values that adapters have saved for it; a bias is
// added to.
func (g *Merged) replaced(c *checkpoint.Computed) error {
	params, biased, changed := make([]*Param, len(g.sets)), make([]*lora, len(g.sets)), false
	for i, s := range g.sets {
		params[i], biased[i] = s.byName()[peftPrefix+c.Name], s.biased(c.Name)
		changed = changed || params[i] != nil || biased[i] != nil
	}
	if !changed {
		return nil
	}
	base, err := checkpoint.Float32s(c.Tensor)
	if err != nil {
		return err
	}
	values := make([]float32, len(base))
	g.combine(values, func(dst []float32) { copy(dst, base) }, func(i int, dst []float32) {
		copy(dst, base)
		if params[i] != nil {
			copy(dst, params[i].Data)
		}
		if l := biased[i]; l != nil {
			for j, v := range l.bias.Data {
				dst[j] += l.form.s * v
			}
		}
	})
	c.Tensor = checkpoint.Tensor{Name: c.Name, Type: c.Type, Shape: c.Shape}
	c.Rows = func(dst []float32, _ int) error { // a vector
		copy(dst, values)
		return nil
	}
	return nil
}

// biased returns the LoRA with a bias for the base's bias of a name, nil for none.
func (s *Set) biased(name string) *lora {
	for at, d := range s.deltas {
		if l, ok := d.(*lora); ok && l.bias != nil && at.BiasName() == name {
			return l
		}
	}
	return nil
}

// merge adds s·B·A.
func (l *lora) merge(rows []float32, first int, dev compute.Device) {
	k, r := l.a.Shape[1], l.form.r
	dev.Gemm(false, false, len(rows)/k, k, r, l.form.s, l.b.Data[first*r:], r, l.a.Data, k, 1, rows, k)
}

// merge adds s·Aᵀ·Bᵀ.
func (l *loraEmbedding) merge(rows []float32, first int, dev compute.Device) {
	d, r, vocab := l.b.Shape[0], l.form.r, l.a.Shape[1]
	dev.Gemm(true, true, len(rows)/d, d, r, l.form.s, l.a.Data[first:], vocab, l.b.Data, r, 1, rows, d)
}

// merge replaces the trained rows.
func (e *embeddedRows) merge(rows []float32, first int, _ compute.Device) {
	d := e.param.Shape[1]
	for token, at := range e.index {
		if i := int(token) - first; i >= 0 && i < len(rows)/d {
			copy(rows[i*d:][:d], e.param.Data[int(at)*d:])
		}
	}
}

// merge replaces the trained rows.
func (h *headRows) merge(rows []float32, first int, _ compute.Device) {
	d := h.param.Shape[1]
	for at, token := range h.ids {
		if i := token - first; i >= 0 && i < len(rows)/d {
			copy(rows[i*d:][:d], h.param.Data[at*d:])
		}
	}
}
