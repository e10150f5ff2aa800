package adapter

import (
	"fmt"
	"math"

	"fettle/internal/compute"
	"fettle/model"
)

// prompt is zero-init attention at one layer: with K_P and V_P the frozen
// projections of the adaption prompt P (K, D), and c the activated gates,
//
//	y[h] += c[h]·softmax(q[h]·K_P[g]ᵀ/√Dh)·V_P[g]
//
// for every head h, whose key head is g. q is rotated, K_P is not: the prompt
// has no position. Zhang et al. 2023, arXiv:2303.16199, section 3.
type prompt struct {
	model *model.Model
	dev   compute.Device
	layer int
	tanh  bool

	rows     []float32 // P (K, D), a window into its parameter
	gradRows []float32
	gate     []float32 // (H), or (1)
	gradGate []float32

	k, v   []float32 // K_P, V_P (K, G·Dh)
	dk, dv []float32 // their gradients over the step
	raw    []float32 // (H) the gate of every head before its activation
	c      []float32 // (H) and after
	form   promptForm
	graphs *graphs

	scores          []float32 // (n, H·K), of the forward pass
	q, dout, k1, v1 []float32 // of a sequence and key head
	queries, keys   []int32
}

// Names of the official checkpoint.
const queryName = "adapter_query.weight" // (layers·K, D)

func gateName(layer int) string { return fmt.Sprintf("layers.%d.attention.gate", layer) }

// buildPrompts adapts the top layers. The dialect decides about names: with a
// gate for every head, those of the official checkpoint; with one for a layer,
// PEFT's.
func (s *Set) buildPrompts() {
	c, m := s.config, s.model.Config()
	first, size := m.Layers-c.Layers, c.Len*m.Hidden
	var query *Param
	if c.Gate == PerHead {
		query = newParam(queryName, c.Layers*c.Len, m.Hidden)
		s.params = append(s.params, query)
	}
	form := promptForm{m.Heads / m.KVHeads, m.KVHeads, m.HeadDim, c.Len, c.GateActivation == Tanh}
	kv := c.Len * m.KVHeads * m.HeadDim
	for layer := range m.Layers {
		if layer < first {
			if c.Gate == PerHead { // the official file has the gates of all layers
				s.frozen = append(s.frozen, newParam(gateName(layer), 1, m.Heads, 1, 1))
			}
			continue
		}
		p := &prompt{
			model: s.model, dev: s.model.Device(), layer: layer, tanh: form.tanh, form: form, graphs: &s.graphs,
			k: make([]float32, kv), v: make([]float32, kv), dk: make([]float32, kv), dv: make([]float32, kv),
			raw: make([]float32, m.Heads), c: make([]float32, m.Heads),
		}
		var gate *Param
		if c.Gate == PerHead {
			at := (layer - first) * size
			p.rows, p.gradRows = query.Data[at:at+size], query.Grad[at:at+size]
			gate = newParam(gateName(layer), 1, m.Heads, 1, 1)
		} else {
			module := fmt.Sprintf("%smodel.layers.%d.self_attn.", peft, layer)
			rows := newParam(module+"adaption_prompt", 1, c.Len, m.Hidden)
			gate = newParam(module+"adaption_gate", 1)
			p.rows, p.gradRows = rows.Data, rows.Grad
			s.params = append(s.params, rows)
		}
		p.gate, p.gradGate = gate.Data, gate.Grad
		s.params = append(s.params, gate)
		s.parts = append(s.parts, p)
		s.deltas[model.Site{Layer: layer, At: model.Attention}] = p
	}
}

// Forward adds the gated attention to the prompt, on the device. A gate of exactly zero adds nothing.
func (p *prompt) Forward(y, x []float32, b *model.Batch) error {
	f, n := p.form, len(b.Tokens)
	heads, d := f.rep*f.groups, f.headDim
	qw, kw, zw := heads*d, f.groups*d, heads*f.len
	z := room(&p.scores, n*zw)
	for h := range heads {
		q, k := h*d, h/f.rep*d
		p.dev.Gemm(false, true, n, f.len, d, float32(invSqrt(d)), x[q:], qw, p.k[k:], kw, 0, z[h*f.len:], zw)
	}
	p.dev.Softmax(z, f.len)
	for h, gate := range p.c {
		if gate != 0 {
			q, k := h*d, h/f.rep*d
			p.dev.Gemm(false, false, n, d, f.len, gate, z[h*f.len:], zw, p.v[k:], kw, 1, y[q:], qw)
		}
	}
	return nil
}

// Backward runs Gorgonia's graph for every sequence and key head and adds up the gradients of the parameters in that
// order. The query heads of one key head lie side by side in a row of x: R·Dh elements.
func (p *prompt) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	f := p.form
	width := f.rep * f.headDim
	for _, s := range b.Segments {
		g, err := p.graphs.of(f, s.Len, dx != nil)
		if err != nil {
			return err
		}
		size := s.Len * width
		q, dout := room(&p.q, size), room(&p.dout, size)
		k, v := room(&p.k1, f.len*f.headDim), room(&p.v1, f.len*f.headDim)
		for key := range f.groups {
			queries := places(&p.queries, s.Row, s.Len, f.groups, key)
			p.dev.Gather(q, x, queries, width)
			p.dev.Gather(dout, dy, queries, width)
			keys := places(&p.keys, 0, f.len, f.groups, key)
			p.dev.Gather(k, p.k, keys, f.headDim)
			p.dev.Gather(v, p.v, keys, f.headDim)
			grads, err := g.run(q, k, v, p.raw[key*f.rep:][:f.rep], p.graphs.heads(s.Len, f.rep), p.graphs.ones(f.len), dout)
			if err != nil {
				return err
			}
			p.dev.ScatterAdd(p.dk, grads[0], keys, f.headDim)
			p.dev.ScatterAdd(p.dv, grads[1], keys, f.headDim)
			for i, dg := range grads[2] {
				p.gradGate[min(key*f.rep+i, len(p.gate)-1)] += dg
			}
			if dx != nil {
				p.dev.ScatterAdd(dx, grads[3], queries, width)
			}
		}
	}
	return nil
}

// places are the rows of one key head among n·G rows that begin at row·G.
func places(s *[]int32, row, n, groups, key int) []int32 {
	*s = (*s)[:0]
	for i := range n {
		*s = append(*s, int32((row+i)*groups+key))
	}
	return *s
}

// finish brings the gradients of K_P and V_P through the frozen projections to
// the prompt.
func (p *prompt) finish() {
	length := len(p.rows) / p.model.Config().Hidden
	p.dev.MatMulT(p.gradRows, p.dk, p.weight(model.KProj), length)
	p.dev.MatMulT(p.gradRows, p.dv, p.weight(model.VProj), length)
	clear(p.dk)
	clear(p.dv)
}

// refresh projects the prompt and activates the gates.
func (p *prompt) refresh() {
	length := len(p.rows) / p.model.Config().Hidden
	p.dev.MatMul(p.k, p.rows, p.weight(model.KProj), length)
	p.dev.MatMul(p.v, p.rows, p.weight(model.VProj), length)
	for h := range p.c {
		p.raw[h] = p.gate[min(h, len(p.gate)-1)]
		p.c[h] = p.raw[h]
		if p.tanh {
			p.c[h] = float32(math.Tanh(float64(p.raw[h])))
		}
	}
}

func (p *prompt) weight(at model.Place) *compute.Matrix {
	return p.model.Weight(model.Site{Layer: p.layer, At: at})
}
