package model

import "fmt"

// depth says how far down a block's backward pass must go. Each stage needs
// the ones before it.
type depth int

const (
	throughDown      depth = iota // down_proj's delta only
	throughMLP                    // gate_proj and up_proj
	throughOutput                 // o_proj
	throughAttention              // the delta at attention
	throughInputs                 // q_proj, k_proj, v_proj
	throughBlock                  // the block's input
)

// depth of block l: whole blocks above the lowest site, as little as possible
// in its block.
func (m *Model) depth(l int) depth {
	if l > m.lowest.Layer || m.full != nil {
		return throughBlock
	}
	switch m.lowest.At {
	case DownProj:
		return throughDown
	case GateProj, UpProj:
		return throughMLP
	case OProj:
		return throughOutput
	case Attention:
		return throughAttention
	default:
		return throughInputs
	}
}

// gradients are the working arrays of the backward pass.
type gradients struct {
	dy, dnorm, dact, dgate, dup, dheads, dq, dk, dv []float32
}

// backward turns g, the gradient of block l's output (n, D), into the gradient
// of its input, and lets deltas (and unfrozen weights) collect theirs. s holds
// the block's forward pass; it is spent afterwards. Where nothing below needs
// the gradient, g is left unfinished.
func (m *Model) backward(l int, s *state, g []float32, b *Batch) error {
	c, w, dev, n, t := m.config, &m.weights.blocks[l], m.dev, len(b.Tokens), &m.work.gradients
	eps, down := float32(c.NormEps), m.depth(l)
	dy := room(&t.dy, n*c.Hidden)

	// down_proj, and through the gated unit
	copy(dy, g)
	dact := zeros(&t.dact, n*c.Intermediate)
	if err := m.projectBackward(l, DownProj, unless(down == throughDown, dact), dy, s.act, s.down, b); err != nil || down == throughDown {
		return err
	}
	dgate, dup := zeros(&t.dgate, n*c.Intermediate), zeros(&t.dup, n*c.Intermediate)
	dev.SwiGLUBackward(dgate, dup, dact, s.gate, s.up)
	dnorm := unless(down == throughMLP, zeros(&t.dnorm, n*c.Hidden))
	if err := m.projectBackward(l, UpProj, dnorm, dup, s.norm2, s.up, b); err != nil {
		return err
	}
	if err := m.projectBackward(l, GateProj, dnorm, dgate, s.norm2, s.gate, b); err != nil || down == throughMLP {
		return err
	}
	m.full.norm(Site{l, GateProj}, dnorm, s.mid, eps)
	dev.RMSNormBackward(g, dnorm, s.mid, w.norm2, n, eps)

	// o_proj
	copy(dy, g)
	dheads := zeros(&t.dheads, len(s.heads))
	if err := m.projectBackward(l, OProj, unless(down == throughOutput, dheads), dy, s.heads, s.o, b); err != nil || down == throughOutput {
		return err
	}

	// attention
	dq := zeros(&t.dq, len(s.q))
	if d := m.delta(l, Attention); d != nil {
		if err := d.Backward(unless(down == throughAttention, dq), dheads, s.q, s.heads, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, Attention}, err)
		}
	}
	if down == throughAttention {
		return nil
	}
	dk, dv := zeros(&t.dk, len(s.k)), zeros(&t.dv, len(s.v))
	dev.AttendBackward(dq, dk, dv, dheads, s.attn, s.q, s.k, s.v, b.Segments, m.attention())
	cos, sin := m.weights.rope.table(b.positions())
	for _, r := range []struct {
		dy, y []float32
		heads int
	}{{dq, s.q, c.Heads}, {dk, s.k, c.KVHeads}} {
		dev.Rope(r.dy, n, r.heads, c.HeadDim, b.Positions, cos, sin, true)
		dev.Rope(r.y, n, r.heads, c.HeadDim, b.Positions, cos, sin, true) // what the projection gave
	}

	// q_proj, k_proj, v_proj
	dnorm = unless(down == throughInputs, zeros(&t.dnorm, n*c.Hidden))
	for _, p := range []struct {
		place Place
		dy, y []float32
	}{{VProj, dv, s.v}, {KProj, dk, s.k}, {QProj, dq, s.q}} {
		if err := m.projectBackward(l, p.place, dnorm, p.dy, s.norm1, p.y, b); err != nil {
			return err
		}
	}
	if down == throughInputs {
		return nil
	}
	m.full.norm(Site{l, QProj}, dnorm, s.x, eps)
	dev.RMSNormBackward(g, dnorm, s.x, w.norm1, n, eps)
	return nil
}

// projectBackward is the gradient of project at one place; dx nil: not needed.
func (m *Model) projectBackward(l int, p Place, dx, dy, x, y []float32, b *Batch) error {
	if d := m.delta(l, p); d != nil {
		if err := d.Backward(dx, dy, x, y, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, p}, err)
		}
	}
	w := m.weights.blocks[l].proj[p]
	m.full.matrix(w, dy, x, b)
	if dx != nil {
		m.dev.MatMulT(dx, dy, w, len(b.Tokens))
	}
	return nil
}

func unless(skip bool, s []float32) []float32 {
	if skip {
		return nil
	}
	return s
}
