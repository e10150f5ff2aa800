package adapter

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
)

// graph is a Gorgonia graph in the making: what its operations share.
type graph struct {
	*slot
	sequences int // S, segments of the batches it is for
	ops       int // made so far
}

// slot is what operations find at run time beside their inputs. One graph at a
// time runs on it.
type slot struct {
	dev      compute.Device
	segments []compute.Segment
	results  [][]float32 // memory for the result of every operation, by its number
}

// op is an operation on matrices that Gorgonia does not have, or that allocates
// and copies there. Its derivative is a graph of operations again, from which
// Gorgonia's autodiff makes the gradient of a module.
type op struct {
	name       string
	rows, cols int // of the result

	// do computes the result y from the inputs in; y holds arbitrary numbers.
	do func(y []float32, in [][]float32)

	// diff gives the gradients of the inputs; nil where nobody asks for them. y is
	// the operation's result.
	diff func(in G.Nodes, y, dy *G.Node) (G.Nodes, error)

	*graph
	number, arity int
}

// apply puts an operation into the graph.
func (g *graph) apply(o op, in ...*G.Node) (*G.Node, error) {
	o.graph, o.number, o.arity = g, g.ops, len(in)
	g.ops++
	return G.ApplyOp(&o, in...)
}

// Arity counts the inputs.
func (o *op) Arity() int { return o.arity }

// Type says that matrices become a matrix.
func (o *op) Type() hm.Type {
	all := make([]hm.Type, o.arity+1)
	for i := range all {
		all[i] = G.TensorType{Dims: 2, Of: hm.TypeVariable('a')}
	}
	return hm.NewFnType(all...)
}

// InferShape is the shape of the result.
func (o *op) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return tensor.Shape{o.rows, o.cols}, nil
}

// Do computes. It runs in a goroutine of Gorgonia's, where nobody would recover
// from a panic.
func (o *op) Do(in ...G.Value) (y G.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v: %v", o, r)
		}
	}()
	data := make([][]float32, len(in))
	for i, v := range in {
		data[i] = v.Data().([]float32)
	}
	for len(o.results) <= o.number {
		o.results = append(o.results, nil)
	}
	result := room(&o.results[o.number], o.rows*o.cols)
	o.do(result, data)
	return tensor.New(tensor.WithShape(o.rows, o.cols), tensor.WithBacking(result)), nil
}

// DiffWRT says which inputs have gradients: all, or none.
func (o *op) DiffWRT(n int) []bool {
	all := make([]bool, n)
	for i := range all {
		all[i] = o.diff != nil
	}
	return all
}

// SymDiff is the derivative.
func (o *op) SymDiff(in G.Nodes, y, dy *G.Node) (G.Nodes, error) { return o.diff(in, y, dy) }

// ReturnsPtr, CallsExtern and OverwritesInput: the result is memory of its own.
func (o *op) ReturnsPtr() bool     { return true }
func (o *op) CallsExtern() bool    { return false }
func (o *op) OverwritesInput() int { return -1 }

// WriteHash tells operations apart: Gorgonia takes those of equal hash for one.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprint(h, o) }

// Hashcode is the like as a number.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *op) String() string { return fmt.Sprintf("%s#%d", o.name, o.number) }
