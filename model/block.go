package model

import (
	"fmt"
	"math"
)

// state is what one block computes for n rows, in order.
type state struct {
	x     []float32 // (n, D) the block's input
	norm1 []float32 // (n, D)
	q     []float32 // (n, H·Dh) rotated
	k, v  []float32 // (n, G·Dh) k rotated
	attn  []float32 // (n, H·Dh) frozen attention
	heads []float32 // (n, H·Dh) adapted attention; attn itself where nothing adapts it
	o     []float32 // (n, D)
	mid   []float32 // (n, D) x + o
	norm2 []float32 // (n, D)
	gate  []float32 // (n, F)
	up    []float32 // (n, F)
	act   []float32 // (n, F) silu(gate)·up
	down  []float32 // (n, D)

	slab []float32
}

// floats is how many numbers a state of one row has, beside its input.
func (c *Config) stateFloats() int {
	return 5*c.Hidden + 3*c.Heads*c.HeadDim + 2*c.KVHeads*c.HeadDim + 3*c.Intermediate
}

// resize makes room for n rows; the content is arbitrary.
func (s *state) resize(c *Config, n int) {
	rest := room(&s.slab, n*c.stateFloats())
	next := func(width int) []float32 {
		part := rest[: n*width : n*width]
		rest = rest[n*width:]
		return part
	}
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	s.norm1, s.norm2, s.o, s.mid, s.down = next(c.Hidden), next(c.Hidden), next(c.Hidden), next(c.Hidden), next(c.Hidden)
	s.q, s.attn, s.heads, s.k, s.v = next(q), next(q), next(q), next(kv), next(kv)
	s.gate, s.up, s.act = next(c.Intermediate), next(c.Intermediate), next(c.Intermediate)
}

// forward runs block l on s.x and writes its output to out (n, D), which may
// be s.x, or nil where only what backward reads is wanted. With a cache, keys
// and values of earlier calls are seen too.
func (m *Model) forward(l int, s *state, out []float32, b *Batch, past *cache) error {
	c, w, dev, n := m.config, &m.weights.blocks[l], m.dev, len(b.Tokens)
	eps := float32(c.NormEps)
	s.resize(c, n)

	dev.RMSNorm(s.norm1, s.x, w.norm1, n, eps)
	if err := m.project(l, s.norm1, b, at{QProj, s.q}, at{KProj, s.k}, at{VProj, s.v}); err != nil {
		return err
	}
	cos, sin := m.weights.rope.table(b.positions())
	dev.Rope(s.q, n, c.Heads, c.HeadDim, b.Positions, cos, sin, false)
	dev.Rope(s.k, n, c.KVHeads, c.HeadDim, b.Positions, cos, sin, false)
	k, v := s.k, s.v
	if past != nil {
		k, v = past.append(l, s.k, s.v)
	}
	dev.Attend(s.attn, s.q, k, v, b.Segments, m.attention())
	if d := m.delta(l, Attention); d != nil {
		copy(s.heads, s.attn)
		if err := d.Forward(s.heads, s.q, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, Attention}, err)
		}
	} else {
		s.heads = s.attn
	}
	if err := m.project(l, s.heads, b, at{OProj, s.o}); err != nil {
		return err
	}
	copy(s.mid, s.x)
	dev.Add(s.mid, s.o)

	dev.RMSNorm(s.norm2, s.mid, w.norm2, n, eps)
	if err := m.project(l, s.norm2, b, at{GateProj, s.gate}, at{UpProj, s.up}); err != nil {
		return err
	}
	dev.SwiGLU(s.act, s.gate, s.up)
	if out == nil && m.delta(l, DownProj) == nil {
		return nil
	}
	if err := m.project(l, s.act, b, at{DownProj, s.down}); err != nil {
		return err
	}
	if out != nil {
		copy(out, s.mid)
		dev.Add(out, s.down)
	}
	return nil
}

// at is a projection and the rows it writes.
type at struct {
	place Place
	y     []float32
}

// project computes y = x·Wᵀ, adapted, for projections that share their input.
func (m *Model) project(l int, x []float32, b *Batch, outputs ...at) error {
	for _, o := range outputs {
		m.dev.MatMul(o.y, x, m.weights.blocks[l].proj[o.place], len(b.Tokens))
		if d := m.delta(l, o.place); d != nil {
			if err := d.Forward(o.y, x, b); err != nil {
				return fmt.Errorf("%v: %w", Site{l, o.place}, err)
			}
		}
	}
	return nil
}

func scale(headDim int) float32 { return float32(1 / math.Sqrt(float64(headDim))) }

// room is (*s)[:n], allocated anew where s is too small.
func room(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}

// zeros is room filled with zeros.
func zeros(s *[]float32, n int) []float32 {
	z := room(s, n)
	clear(z)
	return z
}
