package model

import (
	"fmt"

	"fettle/internal/compute"
)

// state holds the results of one block for n rows, in the order of computation. Arrays that only some architectures
// need have width 0 in others.
type state struct {
	x     []float32 // (n, D) the block's input
	norm1 []float32 // (n, D)
	rawQ  []float32 // (n, H·Dh) q before its norm and RoPE, where q cannot be rotated back to it
	rawK  []float32 // (n, G·Dh)
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

	post    []float32 // (n, D) o, then down, behind its norm; not kept
	adapted []float32 // (n, H·Dh) adapted attention, where a delta adapts some
	slab    []float32 // the memory of all but x
}

// array is an array of rows of some width, in working memory.
type array struct {
	data  *[]float32
	width int
}

// arrays lists the arrays of a state with their widths, without its input; adapts says whether a delta adapts
// attention.
func (s *state) arrays(c *Config, adapts bool) []array {
	q, kv, raw, post, adapted := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, 0, 0, 0
	if adapts {
		adapted = q
	}
	if c.keepsRaw() {
		raw = 1
	}
	if c.Arch.PostNorms {
		post = 1
	}
	return []array{
		{&s.norm1, c.Hidden}, {&s.norm2, c.Hidden}, {&s.o, c.Hidden}, {&s.mid, c.Hidden}, {&s.down, c.Hidden},
		{&s.q, q}, {&s.attn, q}, {&s.adapted, adapted}, {&s.k, kv}, {&s.v, kv},
		{&s.gate, c.Intermediate}, {&s.up, c.Intermediate}, {&s.act, c.Intermediate},
		{&s.rawQ, raw * q}, {&s.rawK, raw * kv}, {&s.post, post * c.Hidden},
	}
}

// keepsRaw reports whether queries and keys cannot be rotated back to what the projections computed.
func (c *Config) keepsRaw() bool {
	return c.Arch.QKNorm || c.RopeScaling != nil && c.RopeScaling.attention() != 1
}

// stateFloats returns how many elements the arrays of a state have for one row.
func stateFloats(c *Config, adapts bool) int { return width(new(state).arrays(c, adapts)) }

// width sums the widths of arrays.
func width(arrays []array) int {
	n := 0
	for _, a := range arrays {
		n += a.width
	}
	return n
}

// resize cuts the arrays for n rows, of which some are needed, out of one slab; the content is arbitrary.
func (s *state) resize(c *Config, adapts bool, n, some int) {
	all := s.arrays(c, adapts)
	rest := compute.Resize(&s.slab, n*width(all))
	for _, a := range all {
		rows := some
		if a.data == &s.norm1 || a.data == &s.k || a.data == &s.v || a.data == &s.rawK {
			rows = n
		}
		*a.data = rest[: rows*a.width : rows*a.width]
		rest = rest[rows*a.width:]
	}
}

// forward runs block l on s.x and writes its output to out (n, D), which may be s.x, or nil where only what backward
// reads is needed. In the last block top names the rows that are needed, nil: all. With a cache, queries see the keys
// and values of earlier calls too.
func (m *Model) forward(l int, s *state, out []float32, b *Batch, top *needed, past *cache) error {
	c, w, dev, n := m.config, &m.weights.blocks[l], m.dev, len(b.Tokens)
	all := b
	if top != nil {
		b = top.Batch
	}
	s.resize(c, m.adapts, n, len(b.Tokens))

	m.norm(s.norm1, s.x, w.norms[inputNorm], n)
	if err := m.projectInputs(l, s, all, top); err != nil {
		return err
	}
	m.place(l, s, all, top, past != nil)
	if past == nil {
		dev.Attend(s.attn, s.q, s.k, s.v, b.Segments, w.Attention)
	} else {
		past.layers[l].Append(s.k, s.v, past.rows, n)
		if len(b.Tokens) == 0 {
			return nil
		}
		dev.AttendCached(s.attn, s.q, past.layers[l], len(b.Tokens), w.Attention)
	}
	n = len(b.Tokens)
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
	if top == nil {
		m.add(s.mid, s.x, s.o, s.post, w.norms[attentionNorm], n)
	} else {
		m.addNeeded(s.mid, s.x, s.o, s.post, w.norms[attentionNorm], top)
	}

	m.norm(s.norm2, s.mid, w.norms[mlpNorm], n)
	if err := m.project(l, s.norm2, b, at{GateProj, s.gate}, at{UpProj, s.up}); err != nil {
		return err
	}
	if c.Arch.GELU {
		dev.GeGLU(s.act, s.gate, s.up)
	} else {
		dev.SwiGLU(s.act, s.gate, s.up)
	}
	if out == nil && m.delta(l, DownProj) == nil && !c.Arch.PostNorms {
		return nil
	}
	if err := m.project(l, s.act, b, at{DownProj, s.down}); err != nil {
		return err
	}
	if out != nil {
		m.add(out, s.mid, s.down, s.post, w.norms[outputNorm], n)
	}
	return nil
}

// norm computes the RMSNorm of n rows.
func (m *Model) norm(y, x []float32, w norm, n int) {
	m.dev.RMSNorm(y, x, w.weight, n, float32(m.config.NormEps))
}

// add computes y = x + o, or x + norm(o), which is left in post, where the architecture has this norm.
func (m *Model) add(y, x, o, post []float32, w norm, n int) {
	if w.weight != nil {
		m.norm(post, o, w, n)
		o = post
	}
	m.dev.Sum(y, x, o)
}

// projectInputs computes queries of the needed rows, keys and values of all.
func (m *Model) projectInputs(l int, s *state, b *Batch, top *needed) error {
	q, k, v := s.q, s.k, s.v
	if m.config.keepsRaw() {
		q, k = s.rawQ, s.rawK
	}
	if top == nil {
		return m.project(l, s.norm1, b, at{QProj, q}, at{KProj, k}, at{VProj, v})
	}
	if err := m.project(l, s.norm1, b, at{KProj, k}, at{VProj, v}); err != nil || len(top.rows) == 0 {
		return err
	}
	m.dev.Gather(s.norm2, s.norm1, top.rows, m.config.Hidden)
	return m.project(l, s.norm2, top.Batch, at{QProj, q})
}

// place norms the heads of queries and keys, where the architecture does, and rotates them to their positions.
func (m *Model) place(l int, s *state, b *Batch, top *needed, decoding bool) {
	c, w, n := m.config, &m.weights.blocks[l], len(b.Tokens)
	switch {
	case c.Arch.QKNorm:
		m.norm(s.q, s.rawQ, w.norms[queryNorm], len(s.q)/c.HeadDim)
		m.norm(s.k, s.rawK, w.norms[keyNorm], n*c.KVHeads)
	case c.keepsRaw():
		m.dev.Copy(s.q, s.rawQ)
		m.dev.Copy(s.k, s.rawK)
	}
	m.rotate(l, s.q, s.k, b, top, decoding, false)
}

// rotate applies a layer's RoPE to queries and keys in place, or its transpose.
func (m *Model) rotate(l int, q, k []float32, b *Batch, top *needed, decoding, inverse bool) {
	c, r, n := m.config, m.weights.blocks[l].rope, len(b.Tokens)
	if r == nil {
		return
	}
	at, cos, sin := r.angles(b, decoding)
	m.dev.Rope(k, n, c.KVHeads, c.HeadDim, c.rotary(), at, cos, sin, inverse)
	if top != nil {
		n = len(top.rows)
		all := at
		at = make([]int32, n)
		for i, row := range top.rows {
			at[i] = all[row]
		}
	}
	m.dev.Rope(q, n, c.Heads, c.HeadDim, c.rotary(), at, cos, sin, inverse)
}

// at names a projection and the rows it writes.
type at struct {
	place Place
	y     []float32
}

// project computes y = x·Wᵀ + b, adapted, for projections that share their input.
func (m *Model) project(l int, x []float32, b *Batch, outputs ...at) error {
	w := &m.weights.blocks[l]
	var products [3]compute.Product
	for i, o := range outputs {
		products[i] = compute.Product{Y: o.y, W: w.proj[o.place]}
	}
	m.dev.MatMuls(x, len(b.Tokens), products[:len(outputs)]...)
	for _, o := range outputs {
		if bias := w.bias[o.place]; bias != nil {
			m.dev.AddRow(o.y, bias)
		}
		if d := m.delta(l, o.place); d != nil {
			if err := d.Forward(o.y, x, b); err != nil {
				return fmt.Errorf("%v: %w", Site{l, o.place}, err)
			}
		}
	}
	return nil
}
