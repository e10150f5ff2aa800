package adapter

import G "gorgonia.org/gorgonia"

// formula writes an expression of Gorgonia's nodes and keeps the first error; after one its methods return nil.
type formula struct{ err error }

func (f *formula) node(make func() (*G.Node, error)) *G.Node {
	if f.err != nil {
		return nil
	}
	var n *G.Node
	n, f.err = make()
	return n
}

// mul computes the matrix product a·b.
func (f *formula) mul(a, b *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.Mul(a, b) })
}

// prod computes the elementwise product a∘b.
func (f *formula) prod(a, b *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.HadamardProd(a, b) })
}

// add computes a+b.
func (f *formula) add(a, b *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.Add(a, b) })
}

// scale computes s·x.
func (f *formula) scale(x *G.Node, s float32) *G.Node { return f.prod(x, G.NewConstant(s)) }

// transpose computes xᵀ.
func (f *formula) transpose(x *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.Transpose(x, 1, 0) })
}

// softmax computes the softmax of every row.
func (f *formula) softmax(x *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.SoftMax(x, 1) })
}

// tanh computes tanh(x), element by element.
func (f *formula) tanh(x *G.Node) *G.Node {
	return f.node(func() (*G.Node, error) { return G.Tanh(x) })
}
