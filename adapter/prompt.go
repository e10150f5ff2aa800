package adapter

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
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
	graphs *graphs

	scores, heads, dheads, keys, values []float32
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
	shared := promptGraphs(m, c)
	kv := c.Len * m.KVHeads * m.HeadDim
	for layer := range m.Layers {
		if layer < first {
			if c.Gate == PerHead { // the official file has the gates of all layers
				s.frozen = append(s.frozen, newParam(gateName(layer), 1, m.Heads, 1, 1))
			}
			continue
		}
		p := &prompt{
			model: s.model, dev: s.model.Device(), layer: layer, tanh: c.GateActivation == Tanh, graphs: shared,
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
// and q, all with the heads as the first axis.
func promptGraphs(m *model.Config, c Config) *graphs {
	shape := promptShape{m.Heads, m.HeadDim, c.Len, c.GateActivation == Tanh}
	return &graphs{build: func(rows int, below bool) (*vjp, error) {
		h, d, k := shape.heads, shape.headDim, shape.len
		inputs := []input{{"q", tensor.Shape{h, rows, d}}, {"k", tensor.Shape{h, k, d}}, {"v", tensor.Shape{h, k, d}}, {"gate", tensor.Shape{h, 1, 1}}}
		wrt := []int{1, 2, 3}
		if below {
			wrt = append(wrt, 0)
		}
		return newVJP(inputs, tensor.Shape{h, rows, d}, wrt, shape.expression)
	}}
}

type promptShape struct {
	heads, headDim, len int
	tanh                bool
}

// expression is the module as Gorgonia sees it.
func (s promptShape) expression(in []*G.Node) (*G.Node, error) {
	q, k, v, gate := in[0], in[1], in[2], in[3]
	scores, err := G.BatchedMatMul(q, k, false, true)
	if err != nil {
		return nil, err
	}
	if scores, err = G.Mul(scores, G.NewConstant(float32(invSqrt(s.headDim)))); err != nil {
		return nil, err
	}
	weights, err := G.SoftMax(scores, 2)
	if err != nil {
		return nil, err
	}
	out, err := G.BatchedMatMul(weights, v)
	if err != nil {
		return nil, err
	}
	if s.tanh {
		if gate, err = G.Tanh(gate); err != nil {
			return nil, err
		}
	}
	return G.BroadcastHadamardProd(out, gate, nil, []byte{1, 2})
}

// Forward adds the gated attention to the prompt, on the device. A gate of
// exactly zero adds nothing.
func (p *prompt) Forward(y, x []float32, b *model.Batch) error {
	c, n := p.model.Config(), len(b.Tokens)
	d, kw, width := c.HeadDim, c.KVHeads*c.HeadDim, c.Heads*c.HeadDim
	length := len(p.k) / kw
	for h, gate := range p.c {
		if gate == 0 {
			continue
		}
		at := h / (c.Heads / c.KVHeads) * d
		s := room(&p.scores, n*length)
		p.dev.Gemm(false, true, n, length, d, float32(invSqrt(d)), x[h*d:], width, p.k[at:], kw, 0, s, length)
		for i := range n {
			softmax(s[i*length:][:length])
		}
		p.dev.Gemm(false, false, n, d, length, gate, s, length, p.v[at:], kw, 1, y[h*d:], width)
	}
	return nil
}

// softmax in place.
func softmax(z []float32) {
	top, sum := z[0], 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for i, v := range z {
		e := math.Exp(float64(v - top))
		z[i] = float32(e)
		sum += e
	}
	for i := range z {
		z[i] = float32(float64(z[i]) / sum)
	}
}

// Backward plays the Gorgonia graph for one sequence after another.
func (p *prompt) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	c := p.model.Config()
	d, kw, group := c.HeadDim, c.KVHeads*c.HeadDim, c.Heads/c.KVHeads
	length := len(p.k) / kw
	keys, values := room(&p.keys, c.Heads*length*d), room(&p.values, c.Heads*length*d)
	for h := range c.Heads {
		gather(keys[h*length*d:], p.k[h/group*d:], length, d, kw)
		gather(values[h*length*d:], p.v[h/group*d:], length, d, kw)
	}
	for _, s := range b.Segments {
		v, err := p.graphs.of(s.Len, dx != nil)
		if err != nil {
			return err
		}
		q, g := room(&p.heads, s.Len*c.Heads*d), room(&p.dheads, s.Len*c.Heads*d)
		row := s.Row * c.Heads * d
		for h := range c.Heads {
			gather(q[h*s.Len*d:], x[row+h*d:], s.Len, d, c.Heads*d)
			gather(g[h*s.Len*d:], dy[row+h*d:], s.Len, d, c.Heads*d)
		}
		grads, err := v.run(p.dev, q, keys, values, p.raw, g)
		if err != nil {
			return err
		}
		for h := range c.Heads {
			scatter(p.dk[h/group*d:], grads[0][h*length*d:], length, d, kw)
			scatter(p.dv[h/group*d:], grads[1][h*length*d:], length, d, kw)
			p.gradGate[min(h, len(p.gate)-1)] += grads[2][h]
			if dx != nil {
				scatter(dx[row+h*d:], grads[3][h*s.Len*d:], s.Len, d, c.Heads*d)
			}
		}
	}
	return nil
}

// gather copies n rows of width d that lie stride apart.
func gather(dst, src []float32, n, d, stride int) {
	for i := range n {
		copy(dst[i*d:][:d], src[i*stride:])
	}
}

// scatter adds n rows of width d to rows that lie stride apart.
func scatter(dst, src []float32, n, d, stride int) {
	for i := range n {
		add(dst[i*stride:][:d], src[i*d:])
	}
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
