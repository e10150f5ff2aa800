package model

import (
	"fmt"

	"fettle/internal/compute"
)

// gradients holds the working arrays of the backward pass: the gradients of the arrays of state with these names.
type gradients struct {
	dy               []float32 // (n, D) of down_proj's output, then of o_proj's, where there are norms behind them
	dnorm            []float32 // (n, D) of a norm's output
	dact, dgate, dup []float32 // (n, F)
	dheads, dq       []float32 // (n, H·Dh)
	dk, dv           []float32 // (n, G·Dh)
}

// arrays lists the arrays with their widths.
func (g *gradients) arrays(c *Config) []array {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	all := []array{
		{&g.dnorm, c.Hidden}, {&g.dact, c.Intermediate}, {&g.dgate, c.Intermediate}, {&g.dup, c.Intermediate},
		{&g.dheads, q}, {&g.dq, q}, {&g.dk, kv}, {&g.dv, kv},
	}
	if c.Arch.PostNorms {
		all = append(all, array{&g.dy, c.Hidden})
	}
	return all
}

// backward turns g, the gradient of block l's output (n, D), into the gradient of its input, while deltas and the
// receiver of weight gradients collect theirs. s holds the block's forward pass; it is overwritten. In the lowest
// block g is left unfinished. Where top names the needed rows, g has these alone, and work.g becomes that of all.
func (m *Model) backward(l int, s *state, g []float32, b *Batch, top *needed) error {
	c, w, dev, t := m.config, &m.weights.blocks[l], m.dev, &m.work.gradients
	end, all := m.end(l), b
	if top != nil {
		b = top.Batch
	}
	n := len(b.Tokens)
	for _, a := range t.arrays(c) {
		rows := n
		if a.data == &t.dk || a.data == &t.dv {
			rows = len(all.Tokens)
		}
		compute.Resize(a.data, rows*a.width)
	}

	// down_proj behind its norm, and through the gated unit
	dy := m.addBackward(l, outputNorm, t.dy, g, s.down, n)
	if end == atOutputNorm {
		return nil
	}
	dact := m.zeroIf(end > atDown, t.dact)
	if err := m.projectBackward(l, DownProj, dact, dy, s.act, s.down, b); err != nil || end == atDown {
		return err
	}
	if c.Arch.GELU {
		dev.GeGLUBackward(t.dgate, t.dup, dact, s.gate, s.up)
	} else {
		dev.SwiGLUBackward(t.dgate, t.dup, dact, s.gate, s.up)
	}

	// gate_proj, up_proj and their norm
	dnorm := m.zeroIf(end > atMLP, t.dnorm)
	if err := m.projectBackward(l, UpProj, dnorm, t.dup, s.norm2, s.up, b); err != nil {
		return err
	}
	if err := m.projectBackward(l, GateProj, dnorm, t.dgate, s.norm2, s.gate, b); err != nil || end == atMLP {
		return err
	}
	m.normGradient(c.normName(l, mlpNorm), dnorm, s.mid, n)
	if end == atMLPNorm {
		return nil
	}
	m.normBackward(g, dnorm, s.mid, w.norms[mlpNorm], n)

	// o_proj behind its norm
	dy = m.addBackward(l, attentionNorm, t.dy, g, s.o, n)
	if end == atAttentionNorm {
		return nil
	}
	dheads := m.zeroIf(end > atOutput, t.dheads)
	if err := m.projectBackward(l, OProj, dheads, dy, s.heads, s.o, b); err != nil || end == atOutput {
		return err
	}

	// attention
	dq := m.zeroIf(end > atAttention, t.dq)
	if d := m.delta(l, Attention); d != nil {
		if err := d.Backward(dq, dheads, s.q, s.heads, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, Attention}, err)
		}
	}
	if end == atAttention {
		return nil
	}
	dev.Zero(t.dk)
	dev.Zero(t.dv)
	dev.AttendBackward(dq, t.dk, t.dv, dheads, s.attn, s.q, s.k, s.v, b.Segments, w.Attention)
	q, k, dq, dk := m.placeBackward(l, s, dq, t.dk, all, top)
	if end == atHeadNorms {
		return nil
	}

	// q_proj, k_proj, v_proj and their norm
	n = len(all.Tokens)
	dnorm = m.zeroIf(end > atInputs, compute.Resize(&t.dnorm, n*c.Hidden))
	for _, p := range []struct {
		place Place
		dy, y []float32
	}{{VProj, t.dv, s.v}, {KProj, dk, k}} {
		if err := m.projectBackward(l, p.place, dnorm, p.dy, s.norm1, p.y, all); err != nil {
			return err
		}
	}
	if err := m.queryBackward(l, s, dnorm, dq, q, all, top); err != nil || end == atInputs {
		return err
	}
	m.normGradient(c.normName(l, inputNorm), dnorm, s.x, n)
	if end == atInputNorm {
		return nil
	}
	if top != nil {
		g = m.spread(g, s.o, top, n)
	}
	m.normBackward(g, dnorm, s.x, w.norms[inputNorm], n)
	return nil
}

// queryBackward is projectBackward of q_proj.
func (m *Model) queryBackward(l int, s *state, dnorm, dq, q []float32, b *Batch, top *needed) error {
	if top == nil {
		return m.projectBackward(l, QProj, dnorm, dq, s.norm1, q, b)
	}
	m.dev.Gather(s.norm2, s.norm1, top.rows, m.config.Hidden)
	dx := m.zeroIf(dnorm != nil, s.mid)
	err := m.projectBackward(l, QProj, dx, dq, s.norm2, q, top.Batch)
	if dx != nil {
		m.dev.ScatterAdd(dnorm, dx, top.rows, m.config.Hidden)
	}
	return err
}

// normBackward adds the gradient of a norm's input x to dx.
func (m *Model) normBackward(dx, dy, x []float32, w norm, n int) {
	m.dev.RMSNormBackward(dx, dy, x, w.weight, n, float32(m.config.NormEps))
}

// addBackward returns the gradient of o of add: g, or where there is a norm its gradient, in do.
func (m *Model) addBackward(l int, p normPlace, do, g, o []float32, n int) []float32 {
	w := m.weights.blocks[l].norms[p]
	if w.weight == nil {
		return g
	}
	m.normGradient(m.config.normName(l, p), g, o, n)
	m.dev.Zero(do)
	m.normBackward(do, g, o, w, n)
	return do
}

// placeBackward is the gradient of place. It returns the outputs of q_proj and k_proj and their gradients, in part in
// the memory of s.
func (m *Model) placeBackward(
	l int, s *state, dq, dk []float32, b *Batch, top *needed,
) (q, k, dRawQ, dRawK []float32) {
	c, w := m.config, &m.weights.blocks[l]
	m.rotate(l, dq, dk, b, top, false, true)
	if !c.keepsRaw() {
		m.rotate(l, s.q, s.k, b, top, false, true)
		return s.q, s.k, dq, dk
	}
	if !c.Arch.QKNorm {
		return s.rawQ, s.rawK, dq, dk
	}
	heads, keyHeads := len(dq)/c.HeadDim, len(dk)/c.HeadDim
	m.normGradient(c.normName(l, queryNorm), dq, s.rawQ, heads)
	m.normGradient(c.normName(l, keyNorm), dk, s.rawK, keyHeads)
	m.dev.Zero(s.q)
	m.dev.Zero(s.k)
	m.normBackward(s.q, dq, s.rawQ, w.norms[queryNorm], heads)
	m.normBackward(s.k, dk, s.rawK, w.norms[keyNorm], keyHeads)
	return s.rawQ, s.rawK, s.q, s.k
}

// projectBackward is the gradient of project at one place: of the delta, of the weight, and added to dx, which is nil
// where nothing below needs it.
func (m *Model) projectBackward(l int, p Place, dx, dy, x, y []float32, b *Batch) error {
	if d := m.delta(l, p); d != nil {
		if err := d.Backward(dx, dy, x, y, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, p}, err)
		}
	}
	m.matrixGradient(Site{l, p}, dy, x, b.Segments)
	m.biasGradient(Site{l, p}, dy, len(b.Tokens))
	if dx != nil {
		m.dev.MatMulT(dx, dy, m.weights.blocks[l].proj[p], len(b.Tokens))
	}
	return nil
}

// zeroIf returns x filled with zeros, or nil where it is not needed.
func (m *Model) zeroIf(needed bool, x []float32) []float32 {
	if !needed {
		return nil
	}
	m.dev.Zero(x)
	return x
}
