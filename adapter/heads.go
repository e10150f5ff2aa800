package adapter

import (
	G "gorgonia.org/gorgonia"

	"fettle/internal/compute"
)

// promptShape is zero-init attention as Gorgonia sees it: H query heads of width
// Dh in the rows of q (n, H·Dh), G key heads in those of K_P and V_P (K, G·Dh).
// Gradients of K_P and V_P are (S·K, G·Dh), those of the gates (S, H): of the
// sequences one below the other.
type promptShape struct {
	heads, keyHeads, headDim, len int
	tanh                          bool
}

// expression is the module.
func (s promptShape) expression(g *graph, in []*G.Node) (*G.Node, error) {
	q, k, v, gate := in[0], in[1], in[2], in[3]
	weights, err := s.scores(g, q, k)
	if err != nil {
		return nil, err
	}
	if weights, err = s.softmax(g, weights); err != nil {
		return nil, err
	}
	out, err := s.mix(g, weights, v)
	if err != nil {
		return nil, err
	}
	if s.tanh {
		if gate, err = G.Tanh(gate); err != nil {
			return nil, err
		}
	}
	return s.gated(g, out, gate)
}

// of is where the parts of head h begin: in a row of q, of k, and of the scores.
func (s promptShape) of(h int) (q, k, z int) {
	return h * s.headDim, h / (s.heads / s.keyHeads) * s.headDim, h * s.len
}

// widths are those of a row of q, of k, and of the scores.
func (s promptShape) widths() (q, k, z int) {
	return s.heads * s.headDim, s.keyHeads * s.headDim, s.heads * s.len
}

// rowsByKeys computes for every head z = alpha·x·kᵀ, z (n, K) and x (n, Dh).
func (s promptShape) rowsByKeys(dev compute.Device, z, x, k []float32, n int, alpha float32) {
	qw, kw, zw := s.widths()
	for h := range s.heads {
		atQ, atK, atZ := s.of(h)
		dev.Gemm(false, true, n, s.len, s.headDim, alpha, x[atQ:], qw, k[atK:], kw, 0, z[atZ:], zw)
	}
}

// keysByRows computes for every head x = alpha·z·k.
func (s promptShape) keysByRows(dev compute.Device, x, z, k []float32, n int, alpha float32) {
	qw, kw, zw := s.widths()
	for h := range s.heads {
		atQ, atK, atZ := s.of(h)
		dev.Gemm(false, false, n, s.headDim, s.len, alpha, z[atZ:], zw, k[atK:], kw, 0, x[atQ:], qw)
	}
}

// keysBySequence computes for every sequence k = Σ alpha·zᵀ·x over the heads of
// each key head.
func (s promptShape) keysBySequence(g *graph, k, z, x []float32, alpha float32) {
	qw, kw, zw := s.widths()
	clear(k)
	for h := range s.heads {
		atQ, atK, atZ := s.of(h)
		g.dev.GemmBySegment(g.segments, s.len, s.headDim, alpha, z[atZ:], zw, x[atQ:], qw, 1, k[atK:], kw, s.len*kw)
	}
}

// scores is z = q·kᵀ/√Dh, head by head: (n, H·K).
func (s promptShape) scores(g *graph, q, k *G.Node) (*G.Node, error) {
	qw, kw, zw := s.widths()
	n, scale := q.Shape()[0], float32(invSqrt(s.headDim))
	return g.apply(op{
		name: "scores", rows: n, cols: zw,
		do: func(z []float32, v [][]float32) { s.rowsByKeys(g.dev, z, v[0], v[1], n, scale) },
		diff: func(v G.Nodes, _, dz *G.Node) (G.Nodes, error) {
			return both(g.apply(op{
				name: "scores by q", rows: n, cols: qw,
				do: func(dq []float32, v [][]float32) { s.keysByRows(g.dev, dq, v[0], v[1], n, scale) },
			}, dz, v[1]))(g.apply(op{
				name: "scores by k", rows: g.sequences * s.len, cols: kw,
				do: func(dk []float32, v [][]float32) { s.keysBySequence(g, dk, v[0], v[1], scale) },
			}, dz, v[0]))
		},
	}, q, k)
}

// softmax is p = softmax(z) over the K scores of every row and head.
func (s promptShape) softmax(g *graph, z *G.Node) (*G.Node, error) {
	n, zw := z.Shape()[0], z.Shape()[1]
	return g.apply(op{
		name: "softmax", rows: n, cols: zw,
		do: func(p []float32, v [][]float32) {
			copy(p, v[0])
			g.dev.Softmax(p, s.len)
		},
		diff: func(_ G.Nodes, p, dp *G.Node) (G.Nodes, error) {
			dz, err := g.apply(op{
				name: "softmax by z", rows: n, cols: zw,
				do: func(dz []float32, v [][]float32) {
					clear(dz)
					g.dev.SoftmaxBackward(dz, v[0], v[1], s.len)
				},
			}, dp, p)
			return G.Nodes{dz}, err
		},
	}, z)
}

// mix is o = p·v, head by head: (n, H·Dh).
func (s promptShape) mix(g *graph, p, v *G.Node) (*G.Node, error) {
	qw, kw, zw := s.widths()
	n := p.Shape()[0]
	return g.apply(op{
		name: "mix", rows: n, cols: qw,
		do: func(o []float32, v [][]float32) { s.keysByRows(g.dev, o, v[0], v[1], n, 1) },
		diff: func(v G.Nodes, _, do *G.Node) (G.Nodes, error) {
			return both(g.apply(op{
				name: "mix by p", rows: n, cols: zw,
				do: func(dp []float32, v [][]float32) { s.rowsByKeys(g.dev, dp, v[0], v[1], n, 1) },
			}, do, v[1]))(g.apply(op{
				name: "mix by v", rows: g.sequences * s.len, cols: kw,
				do: func(dv []float32, v [][]float32) { s.keysBySequence(g, dv, v[1], v[0], 1) },
			}, do, v[0]))
		},
	}, p, v)
}

// gated is y = c·o, with a gate for every sequence and head in c (S, H).
func (s promptShape) gated(g *graph, o, c *G.Node) (*G.Node, error) {
	n, qw := o.Shape()[0], o.Shape()[1]
	open := func(y []float32, v [][]float32) {
		s.visit(g.segments, func(gate, at int) {
			c, x, y := v[1][gate], v[0][at:][:s.headDim], y[at:][:s.headDim]
			for i, value := range x {
				y[i] = c * value
			}
		})
	}
	return g.apply(op{
		name: "gated", rows: n, cols: qw, do: open,
		diff: func(v G.Nodes, _, dy *G.Node) (G.Nodes, error) {
			return both(g.apply(op{name: "gated by o", rows: n, cols: qw, do: open}, dy, v[1]))(g.apply(op{
				name: "gated by c", rows: g.sequences, cols: s.heads,
				do: func(dc []float32, v [][]float32) {
					clear(dc)
					s.visit(g.segments, func(gate, at int) {
						sum, o := 0.0, v[1][at:][:s.headDim]
						for i, dy := range v[0][at:][:s.headDim] {
							sum += float64(dy) * float64(o[i])
						}
						dc[gate] += float32(sum)
					})
				},
			}, dy, v[0]))
		},
	}, o, c)
}

// visit calls f for every row and head of every sequence, with the place of its
// gate and where it begins in the rows of q.
func (s promptShape) visit(segments []compute.Segment, f func(gate, at int)) {
	for i, seg := range segments {
		for row := seg.Row; row < seg.Row+seg.Len; row++ {
			for h := range s.heads {
				f(i*s.heads+h, (row*s.heads+h)*s.headDim)
			}
		}
	}
}
