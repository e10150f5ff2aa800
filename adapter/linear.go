package adapter

import G "gorgonia.org/gorgonia"

// linear is y = s·x·Wᵀ, x (n, in), W (out, in). The gradient of W is (S·out, in):
// the sums of the S sequences one below the other, for the caller to add up.
func (g *graph) linear(x, w *G.Node, s float32) (*G.Node, error) {
	n, in, out := x.Shape()[0], x.Shape()[1], w.Shape()[0]
	return g.apply(op{
		name: "linear", rows: n, cols: out,
		do: func(y []float32, v [][]float32) {
			g.dev.Gemm(false, true, n, out, in, s, v[0], in, v[1], in, 0, y, out)
		},
		diff: func(v G.Nodes, _, dy *G.Node) (G.Nodes, error) {
			return both(g.linearX(dy, v[1], s))(g.linearW(dy, v[0], s))
		},
	}, x, w)
}

// linearX is dx = s·dy·W.
func (g *graph) linearX(dy, w *G.Node, s float32) (*G.Node, error) {
	n, in, out := dy.Shape()[0], w.Shape()[1], w.Shape()[0]
	return g.apply(op{
		name: "linear by x", rows: n, cols: in,
		do: func(dx []float32, v [][]float32) {
			g.dev.Gemm(false, false, n, in, out, s, v[0], out, v[1], in, 0, dx, in)
		},
	}, dy, w)
}

// linearW is dW = s·dyᵀ·x of every sequence.
func (g *graph) linearW(dy, x *G.Node, s float32) (*G.Node, error) {
	in, out := x.Shape()[1], dy.Shape()[1]
	return g.apply(op{
		name: "linear by W", rows: g.sequences * out, cols: in,
		do: func(dw []float32, v [][]float32) {
			g.dev.GemmBySegment(g.segments, out, in, s, v[0], out, v[1], in, 0, dw, in, out*in)
		},
	}, dy, x)
}

// both joins two results.
func both(a *G.Node, errA error) func(b *G.Node, errB error) (G.Nodes, error) {
	return func(b *G.Node, errB error) (G.Nodes, error) {
		if errA != nil {
			return nil, errA
		}
		return G.Nodes{a, b}, errB
	}
}
