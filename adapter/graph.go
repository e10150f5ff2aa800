package adapter

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// graph is a vector-Jacobian product that Gorgonia derived: from the inputs of a module y = f(inputs) and from dy,
// the gradients of the requested inputs.
//
// Gorgonia builds and differentiates the expression, and each step is one of its operations, computed by tensor.
// The steps run in order, each into memory of its own: a TapeMachine would allocate every value in every run.
type graph struct {
	inputs []*array // dy last
	values []*array // the results of the steps
	steps  []step
	grads  []*tensor.Dense
	floats int // length of all values
}

// step is the operation out = op(in).
type step struct {
	op  G.Op
	in  []G.Value
	out *tensor.Dense
}

// array is memory and the tensors that read it: by rows, and by columns as its transpose.
type array struct {
	n       int // elements
	at      int // where a value begins in the memory of all values
	tensors []*tensor.Dense
}

// bind makes x the memory of the tensors, nil none.
func (a *array) bind(x []float32) {
	set := tensor.WithBacking(x[:min(a.n, len(x))])
	for _, t := range a.tensors {
		set(t)
	}
}

// bind gives every value its part of memory, which has g.floats elements or more.
func (g *graph) bind(memory []float32) {
	for _, a := range g.values {
		a.bind(memory[a.at:])
	}
}

// run computes the gradients, given the inputs' values and dy. They are valid until another graph on the same memory
// runs.
func (g *graph) run(values ...[]float32) (grads [][]float32, err error) {
	defer func() { // a graph that is kept must not keep its inputs
		for _, a := range g.inputs {
			a.bind(nil)
		}
	}()
	for i, a := range g.inputs {
		if len(values[i]) != a.n {
			return nil, fmt.Errorf("gorgonia: input %d has %d elements, want %d", i, len(values[i]), a.n)
		}
		a.bind(values[i])
	}
	for _, s := range g.steps {
		if err := s.run(); err != nil {
			return nil, fmt.Errorf("gorgonia: %v: %w", s.op, err)
		}
	}
	grads = make([][]float32, len(g.grads))
	for i, t := range g.grads {
		grads[i] = t.Float32s()
	}
	return grads, nil
}

// run computes the operation. Those without a way to write into given memory, which are unary, are copied there.
func (s step) run() error {
	into, ok := s.op.(G.UsePreallocDoer)
	if !ok {
		y, err := s.op.Do(s.in...)
		if err != nil {
			return err
		}
		return tensor.Copy(s.out, y.(tensor.Tensor))
	}
	y, err := into.UsePreallocDo(s.out, s.in...)
	if err == nil && y != G.Value(s.out) {
		err = fmt.Errorf("the result is outside the given memory")
	}
	return err
}

// leaf names an input of a graph and its shape. Gorgonia takes equal names for one node.
type leaf struct {
	name  string
	shape tensor.Shape
}

// derive differentiates y = f(leaves) with respect to the leaves with the indices wrt.
func derive(e engine, leaves []leaf, wrt []int, f func(in []*G.Node) (*G.Node, error)) (*graph, error) {
	nodes := G.NewGraph()
	variable := func(l leaf) *G.Node {
		return G.NewTensor(nodes, tensor.Float32, len(l.shape), G.WithShape(l.shape...), G.WithName(l.name))
	}
	var in, with G.Nodes
	for _, l := range leaves {
		in = append(in, variable(l))
	}
	y, err := f(in)
	if err != nil {
		return nil, fmt.Errorf("gorgonia: %w", err)
	}
	for _, i := range wrt {
		with = append(with, in[i])
	}
	dy := variable(leaf{"dy", y.Shape()})
	grads, err := G.Backpropagate(G.Nodes{y}, G.Nodes{dy}, with)
	if err != nil {
		return nil, fmt.Errorf("gorgonia: differentiate: %w", err)
	}
	return compile(e, append(in, dy), grads)
}
