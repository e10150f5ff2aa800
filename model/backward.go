package model

import (
	"fmt"

	"fettle/internal/compute"
)

// gradients holds the working arrays of the backward pass: the gradients of the arrays of state with these names.
type gradients struct {
	dy               []float32 // (n, D) of down_proj's output, then of o_proj's
	dnorm            []float32 // (n, D) of a norm's output
	dact, dgate, dup []float32 // (n, F)
	dheads, dq       []float32 // (n, H·Dh)
	dk, dv           []float32 // (n, G·Dh)
}

// arrays lists the arrays with their widths.
func (g *gradients) arrays(c *Config) []array {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return []array{
		{&g.dy, c.Hidden}, {&g.dnorm, c.Hidden}, {&g.dact, c.Intermediate}, {&g.dgate, c.Intermediate},
		{&g.dup, c.Intermediate}, {&g.dheads, q}, {&g.dq, q}, {&g.dk, kv}, {&g.dv, kv},
	}
}

// backward turns g, the gradient of block l's output (n, D), into the gradient of its input, while deltas and the
// receiver of weight gradients collect theirs. s holds the block's forward pass; it is overwritten. In the lowest
// block g is left unfinished.
func (m *Model) backward(l int, s *state, g []float32, b *Batch) error {
	c, w, dev, n, t := m.config, &m.weights.blocks[l], m.dev, len(b.Tokens), &m.work.gradients
	eps, end := float32(c.NormEps), m.end(l)
	for _, a := range t.arrays(c) {
		compute.Resize(a.data, n*a.width)
	}

	// down_proj, and through the gated unit
	dev.Copy(t.dy, g)
	dact := m.zeroIf(end > atDown, t.dact)
	if err := m.projectBackward(l, DownProj, dact, t.dy, s.act, s.down, b); err != nil || end == atDown {
		return err
	}
	dev.Zero(t.dgate)
	dev.Zero(t.dup)
	dev.SwiGLUBackward(t.dgate, t.dup, dact, s.gate, s.up)

	// gate_proj, up_proj and their norm
	dnorm := m.zeroIf(end > atMLP, t.dnorm)
	if err := m.projectBackward(l, UpProj, dnorm, t.dup, s.norm2, s.up, b); err != nil {
		return err
	}
	if err := m.projectBackward(l, GateProj, dnorm, t.dgate, s.norm2, s.gate, b); err != nil || end == atMLP {
		return err
	}
	m.normGradient(mlpNorm(l), dnorm, s.mid, n)
	if end == atMLPNorm {
		return nil
	}
	dev.RMSNormBackward(g, dnorm, s.mid, w.norm2, n, eps)

	// o_proj
	dev.Copy(t.dy, g)
	dheads := m.zeroIf(end > atOutput, t.dheads)
	if err := m.projectBackward(l, OProj, dheads, t.dy, s.heads, s.o, b); err != nil || end == atOutput {
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
	dev.AttendBackward(dq, t.dk, t.dv, dheads, s.attn, s.q, s.k, s.v, b.Segments, attention(c))
	cos, sin := m.weights.rope.table(b.positions())
	for _, r := range []struct {
		dy, y []float32
		heads int
	}{{dq, s.q, c.Heads}, {t.dk, s.k, c.KVHeads}} {
		dev.Rope(r.dy, n, r.heads, c.HeadDim, b.Positions, cos, sin, true)
		dev.Rope(r.y, n, r.heads, c.HeadDim, b.Positions, cos, sin, true) // back to the projection's output
	}

	// q_proj, k_proj, v_proj and their norm
	dnorm = m.zeroIf(end > atInputs, t.dnorm)
	for _, p := range []struct {
		place Place
		dy, y []float32
	}{{VProj, t.dv, s.v}, {KProj, t.dk, s.k}, {QProj, dq, s.q}} {
		if err := m.projectBackward(l, p.place, dnorm, p.dy, s.norm1, p.y, b); err != nil {
			return err
		}
	}
	if end == atInputs {
		return nil
	}
	m.normGradient(inputNorm(l), dnorm, s.x, n)
	if end == atInputNorm {
		return nil
	}
	dev.RMSNormBackward(g, dnorm, s.x, w.norm1, n, eps)
	return nil
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
