package adapter

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
	"fettle/model"
)

// vjp is a Gorgonia graph that turns dy, the gradient of a module's output,
// into the gradients of its inputs: a vector-Jacobian product by autodiff.
type vjp struct {
	*slot
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
func newVJP(g *graph, inputs []input, out tensor.Shape, wrt []int, module func(g *graph, in []*G.Node) (*G.Node, error)) (*vjp, error) {
	nodes := G.NewGraph()
	leaf := func(i input) *G.Node {
		return G.NewTensor(nodes, tensor.Float32, len(i.shape), G.WithShape(i.shape...), G.WithName(i.name))
	}
	v := &vjp{slot: g.slot}
	for _, i := range inputs {
		v.inputs = append(v.inputs, leaf(i))
	}
	y, err := module(g, v.inputs)
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
	program, locations, err := G.CompileFunction(nodes, v.inputs, v.grads)
	if err != nil {
		return nil, fmt.Errorf("gorgonia: compile: %w", err)
	}
	v.vm = G.NewTapeMachine(nodes, G.WithPrecompiled(program, locations))
	return v, nil
}

// run plays the graph for the rows of segments. The gradients it returns are
// the graph's own and valid until the next run of any on the same slot.
func (v *vjp) run(dev compute.Device, segments []compute.Segment, values ...[]float32) ([][]float32, error) {
	v.dev, v.segments = dev, segments
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

// graphs keeps one vjp for every size of batch seen lately: building one takes
// some tenths of a millisecond, and modules of the same shape share it. They all
// run on one slot.
type graphs struct {
	slot
	build func(g *graph, size graphSize) (*vjp, error)
	known map[graphSize]*vjp
}

// graphSize is what a graph depends on beside the module's shape.
type graphSize struct {
	rows, sequences int
	below           bool // the gradient of x is wanted
}

// maxGraphs bounds the graphs kept.
const maxGraphs = 256

func (s *graphs) of(b *model.Batch, below bool) (*vjp, error) {
	size := graphSize{len(b.Tokens), len(b.Segments), below}
	if v := s.known[size]; v != nil {
		return v, nil
	}
	v, err := s.build(&graph{slot: &s.slot, sequences: size.sequences}, size)
	if err != nil {
		return nil, err
	}
	if s.known == nil || len(s.known) >= maxGraphs {
		s.known = map[graphSize]*vjp{}
	}
	s.known[size] = v
	return v, nil
}

// addAll adds the blocks of x, each as long as y, to y in their order.
func addAll(dev compute.Device, y, x []float32) {
	for ; len(x) > 0; x = x[len(y):] {
		dev.Add(y, x[:len(y)])
	}
}
