package adapter

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
)

// vjp is a Gorgonia graph that turns dy, the gradient of a module's output,
// into the gradients of its inputs: a vector-Jacobian product by autodiff.
type vjp struct {
	vm     G.VM
	inputs []*G.Node // dy last
	grads  []*G.Node // of the inputs that were asked for
}

// input is a leaf of a graph. Names must differ: Gorgonia takes equal ones for
// the same node.
type input struct {
	name  string
	shape tensor.Shape
}

// newVJP builds the graph of y = module(inputs) and its gradient with respect
// to the inputs listed in wrt. y has shape out.
func newVJP(inputs []input, out tensor.Shape, wrt []int, module func(in []*G.Node) (*G.Node, error)) (*vjp, error) {
	g := G.NewGraph()
	leaf := func(i input) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(i.shape), G.WithShape(i.shape...), G.WithName(i.name))
	}
	v := &vjp{}
	for _, i := range inputs {
		v.inputs = append(v.inputs, leaf(i))
	}
	y, err := module(v.inputs)
	if err != nil {
		return nil, fmt.Errorf("gorgonia: %w", err)
	}
	dy := leaf(input{"dy", out})
	var with G.Nodes
	for _, i := range wrt {
		with = append(with, v.inputs[i])
	}
	if v.grads, err = G.Backpropagate(G.Nodes{y}, G.Nodes{dy}, with); err != nil {
		return nil, fmt.Errorf("gorgonia: differentiate: %w", err)
	}
	v.inputs = append(v.inputs, dy)
	program, locations, err := G.CompileFunction(g, v.inputs, v.grads)
	if err != nil {
		return nil, fmt.Errorf("gorgonia: compile: %w", err)
	}
	v.vm = G.NewTapeMachine(g, G.WithPrecompiled(program, locations))
	return v, nil
}

// run plays the graph. The gradients it returns are Gorgonia's own and valid
// until the next run.
func (v *vjp) run(dev compute.Device, values ...[]float32) ([][]float32, error) {
	use(dev)
	for i, n := range v.inputs {
		value := tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(values[i]))
		if err := G.Let(n, value); err != nil {
			return nil, fmt.Errorf("gorgonia: %w", err)
		}
	}
	v.vm.Reset()
	if err := v.vm.RunAll(); err != nil {
		return nil, fmt.Errorf("gorgonia: %w", err)
	}
	out := make([][]float32, len(v.grads))
	for i, n := range v.grads {
		out[i] = n.Value().Data().([]float32)
	}
	return out, nil
}

// graphs keeps one vjp for every number of rows seen lately: building one
// takes about a millisecond, and most lengths come again.
type graphs struct {
	build func(rows int, below bool) (*vjp, error)
	known map[graphKey]*vjp
}

type graphKey struct {
	rows  int
	below bool // the gradient of x is wanted
}

// maxGraphs bounds the graphs kept.
const maxGraphs = 256

func (s *graphs) of(rows int, below bool) (*vjp, error) {
	key := graphKey{rows, below}
	if v := s.known[key]; v != nil {
		return v, nil
	}
	v, err := s.build(rows, below)
	if err != nil {
		return nil, err
	}
	if s.known == nil || len(s.known) >= maxGraphs {
		s.known = map[graphKey]*vjp{}
	}
	s.known[key] = v
	return v, nil
}

// add is y += x.
func add(y, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] += v
	}
}
