package model

import (
	"fmt"
	"math"

	"fettle/internal/compute"
)

// state holds the results of one block for n rows, in the order of computation.
type state struct {
	x     []float32 // (n, D) the block's input
	norm1 []float32 // (n, D)
	q     []float32 // (n, H·Dh) rotated
	k, v  []float32 // (n, G·Dh) k rotated
	attn  []float32 // (n, H·Dh) frozen attention
	heads []float32 // (n, H·Dh) o_proj's input: adapted, or attn itself where nothing adapts it
	o     []float32 // (n, D)
	mid   []float32 // (n, D) x + o
	norm2 []float32 // (n, D)
	gate  []float32 // (n, F)
	up    []float32 // (n, F)
	act   []float32 // (n, F) silu(gate)·up
	down  []float32 // (n, D)

	adapted []float32 // (n, H·Dh) adapted attention
	slab    []float32 // the memory of all but x
}

// array is an array of rows of some width, in working memory.
type array struct {
	data  *[]float32
	width int
}

// arrays lists the arrays of a state with their widths, without its input.
func (s *state) arrays(c *Config) []array {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return []array{
		{&s.norm1, c.Hidden}, {&s.norm2, c.Hidden}, {&s.o, c.Hidden}, {&s.mid, c.Hidden}, {&s.down, c.Hidden},
		{&s.q, q}, {&s.attn, q}, {&s.adapted, q}, {&s.k, kv}, {&s.v, kv},
		{&s.gate, c.Intermediate}, {&s.up, c.Intermediate}, {&s.act, c.Intermediate},
	}
}

// stateFloats returns how many elements the arrays of a state have for one row.
func stateFloats(c *Config) int { return width(new(state).arrays(c)) }

// width sums the widths of arrays.
func width(arrays []array) int {
	n := 0
	for _, a := range arrays {
		n += a.width
	}
	return n
}

// resize cuts the arrays for n rows out of one slab; the content is arbitrary.
func (s *state) resize(c *Config, n int) {
	all := s.arrays(c)
	rest := compute.Resize(&s.slab, n*width(all))
	for _, a := range all {
		*a.data = rest[: n*a.width : n*a.width]
		rest = rest[n*a.width:]
	}
}

// forward runs block l on s.x and writes its output to out (n, D), which may be s.x, or nil where only what backward
// reads is needed. With a cache, queries see the keys and values of earlier calls too.
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
		k, v = past.append(dev, l, s.k, s.v)
	}
	dev.Attend(s.attn, s.q, k, v, b.Segments, attention(c))
	if d := m.delta(l, Attention); d != nil {
		s.heads = s.adapted
		dev.Copy(s.heads, s.attn)
		if err := d.Forward(s.heads, s.q, b); err != nil {
			return fmt.Errorf("%v: %w", Site{l, Attention}, err)
		}
	} else {
		s.heads = s.attn
	}
	if err := m.project(l, s.heads, b, at{OProj, s.o}); err != nil {
		return err
	}
	dev.Copy(s.mid, s.x)
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
		dev.Copy(out, s.mid)
		dev.Add(out, s.down)
	}
	return nil
}

// at names a projection and the rows it writes.
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
