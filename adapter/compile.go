package adapter

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
)

// compiler turns Gorgonia's nodes into the steps of a graph.
type compiler struct {
	engine engine
	graph  *graph
	arrays map[int64]*array  // by the node that is computed into them
	values map[int64]G.Value // by node
	byCols map[int64]bool    // products that are written by columns, as a gradient is their transpose
	blank  []float32         // memory of tensors before they are bound
}

// compile orders the nodes that the gradients depend on, and no others.
func compile(e engine, inputs, grads G.Nodes) (*graph, error) {
	c := &compiler{e, &graph{}, map[int64]*array{}, map[int64]G.Value{}, map[int64]bool{}, nil}
	for _, n := range inputs {
		c.graph.inputs = append(c.graph.inputs, c.array(n, false))
	}
	for _, n := range grads {
		if isTranspose(n) {
			c.byCols[children(n)[0].ID()] = true
		}
	}
	for _, n := range grads {
		v, err := c.value(n)
		if err != nil {
			return nil, err
		}
		t := v.(*tensor.Dense)
		if m, err := matrixOf(t); err != nil || m.byColumns {
			return nil, fmt.Errorf("gorgonia: gradient %v is not a matrix by rows", n)
		}
		c.graph.grads = append(c.graph.grads, t)
	}
	return c.graph, nil
}

// value returns the tensor or scalar of a node, and appends the steps that compute it to the graph.
func (c *compiler) value(n *G.Node) (G.Value, error) {
	if v, ok := c.values[n.ID()]; ok {
		return v, nil
	}
	if v := n.Value(); v != nil { // a constant
		return v, nil
	}
	in := children(n)
	if isTranspose(n) {
		return c.transpose(n, in[0])
	}
	s := step{op: n.Op()}
	for _, child := range in {
		v, err := c.value(child)
		if err != nil {
			return nil, err
		}
		s.in = append(s.in, v)
	}
	if n.Dims() != 2 {
		return nil, fmt.Errorf("gorgonia: %v has shape %v, want a matrix", n, n.Shape())
	}
	a := c.array(n, c.byCols[n.ID()])
	a.at = c.graph.floats
	c.graph.floats += a.n
	c.graph.values = append(c.graph.values, a)
	s.out = a.tensors[0]
	c.graph.steps = append(c.graph.steps, s)
	return s.out, nil
}

// transpose makes a second tensor over the same memory, by columns where the first is by rows: nothing is copied.
func (c *compiler) transpose(n, of *G.Node) (G.Value, error) {
	v, err := c.value(of)
	if err != nil {
		return nil, err
	}
	a := c.arrays[of.ID()]
	if a == nil {
		return nil, fmt.Errorf("gorgonia: %v transposes a transpose or a constant", n)
	}
	t := c.tensor(n, !v.(*tensor.Dense).DataOrder().IsColMajor())
	a.tensors = append(a.tensors, t)
	c.values[n.ID()] = t
	return t, nil
}

// array makes an array and a tensor for a node's value.
func (c *compiler) array(n *G.Node, byColumns bool) *array {
	t := c.tensor(n, byColumns)
	a := &array{n: n.Shape().TotalSize(), tensors: []*tensor.Dense{t}}
	c.arrays[n.ID()], c.values[n.ID()] = a, t
	return a
}

func (c *compiler) tensor(n *G.Node, byColumns bool) *tensor.Dense {
	size := n.Shape().TotalSize()
	options := []tensor.ConsOpt{
		tensor.WithShape(n.Shape()...), tensor.WithBacking(compute.Resize(&c.blank, size)), tensor.WithEngine(c.engine),
	}
	if shape := n.Shape(); byColumns && shape[0] > 1 && shape[1] > 1 { // else the same, and tensor is not ready for it
		options = append(options, tensor.AsFortran(nil))
	}
	return tensor.New(options...)
}

// children lists the inputs of a node's operation, in order.
func children(n *G.Node) G.Nodes {
	var all G.Nodes
	for it := n.Graph().From(n.ID()); it.Next(); {
		all = append(all, it.Node().(*G.Node))
	}
	return all
}

// isTranspose recognizes gorgonia.Transpose, whose operation has no exported type.
func isTranspose(n *G.Node) bool { return fmt.Sprintf("%T", n.Op()) == "gorgonia.transposeOp" }
