package adapter

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

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
	shape  promptShape
	graphs *graphs

	scores, gates []float32
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
	shape := promptShape{m.Heads, m.KVHeads, m.HeadDim, c.Len, c.GateActivation == Tanh}
	shared := promptGraphs(shape)
	kv := c.Len * m.KVHeads * m.HeadDim
	for layer := range m.Layers {
		if layer < first {
			if c.Gate == PerHead { // the official file has the gates of all layers
				s.frozen = append(s.frozen, newParam(gateName(layer), 1, m.Heads, 1, 1))
			}
			continue
		}
		p := &prompt{
			model: s.model, dev: s.model.Device(), layer: layer, tanh: c.GateActivation == Tanh, shape: shape, graphs: shared,
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

// promptGraphs differentiates the module with respect to K_P, V_P, the gates
// and q.
func promptGraphs(s promptShape) *graphs {
	return &graphs{build: func(g *graph, size graphSize) (*vjp, error) {
		qw, kw, _ := s.widths()
		inputs := []input{
			{"q", tensor.Shape{size.rows, qw}}, {"k", tensor.Shape{s.len, kw}}, {"v", tensor.Shape{s.len, kw}},
			{"gate", tensor.Shape{size.sequences, s.heads}},
		}
		wrt := []int{1, 2, 3}
		if size.below {
			wrt = append(wrt, 0)
		}
		return newVJP(g, inputs, tensor.Shape{size.rows, qw}, wrt, s.expression)
	}}
}

// Forward adds the gated attention to the prompt, on the device. A gate of
// exactly zero adds nothing.
func (p *prompt) Forward(y, x []float32, b *model.Batch) error {
	s, n := p.shape, len(b.Tokens)
	qw, kw, zw := s.widths()
	z := room(&p.scores, n*zw)
	s.rowsByKeys(p.dev, z, x, p.k, n, float32(invSqrt(s.headDim)))
	p.dev.Softmax(z, s.len)
	for h, gate := range p.c {
		if gate != 0 {
			atQ, atK, atZ := s.of(h)
			p.dev.Gemm(false, false, n, s.headDim, s.len, gate, z[atZ:], zw, p.v[atK:], kw, 1, y[atQ:], qw)
		}
	}
	return nil
}

// Backward plays the Gorgonia graph. The gradients of the parameters come
// sequence by sequence and are added in that order.
func (p *prompt) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	qw, _, _ := p.shape.widths()
	size := len(b.Tokens) * qw
	v, err := p.graphs.of(b, dx != nil)
	if err != nil {
		return err
	}
	gates := room(&p.gates, len(b.Segments)*len(p.raw))
	for i := range b.Segments {
		copy(gates[i*len(p.raw):], p.raw)
	}
	grads, err := v.run(p.dev, b.Segments, x[:size], p.k, p.v, gates, dy[:size])
	if err != nil {
		return err
	}
	addAll(p.dev, p.dk, grads[0])
	addAll(p.dev, p.dv, grads[1])
	for i, g := range grads[2] {
		p.gradGate[min(i%len(p.raw), len(p.gate)-1)] += g
	}
	if dx != nil {
		p.dev.Add(dx[:size], grads[3])
	}
	return nil
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
