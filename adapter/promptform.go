package adapter

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// promptForm is zero-init attention as an expression of Gorgonia, for the R query heads that share a key head: with q
// (n·R, Dh), row i·R+j being head j of token i, k and v (K, Dh), and their gates (R, 1),
//
//	y = (c ∘ softmax(q·kᵀ/√Dh))·v, c = E·tanh(gate)·1
//
// where row i·R+j of E (n·R, R) picks gate j and 1 (1, K) repeats it for every key; without tanh for raw gates.
type promptForm struct {
	rep, groups  int // R, and how often per layer
	headDim, len int
	tanh         bool
}

// derive has Gorgonia differentiate with respect to k, v, the gates and, for modules below, q.
func (p promptForm) derive(e engine, n int, below bool) (*graph, error) {
	leaves := []leaf{
		{"q", tensor.Shape{n * p.rep, p.headDim}},
		{"k", tensor.Shape{p.len, p.headDim}}, {"v", tensor.Shape{p.len, p.headDim}},
		{"gate", tensor.Shape{p.rep, 1}}, {"E", tensor.Shape{n * p.rep, p.rep}}, {"1", tensor.Shape{1, p.len}},
	}
	wrt := []int{1, 2, 3}
	if below {
		wrt = append(wrt, 0)
	}
	return derive(e, leaves, wrt, func(in []*G.Node) (*G.Node, error) {
		var f formula
		q, k, v, gate, heads, ones := in[0], in[1], in[2], in[3], in[4], in[5]
		weights := f.softmax(f.scale(f.mul(q, f.transpose(k)), float32(invSqrt(p.headDim))))
		if p.tanh {
			gate = f.tanh(gate)
		}
		return f.mul(f.prod(f.mul(heads, f.mul(gate, ones)), weights), v), f.err
	})
}

// floats counts the elements of derive's graph: ten arrays of (n·R, K), products with the gates, the gates with and
// without their activation, and the gradients.
func (p promptForm) floats(n int) int {
	rows, gates := n*p.rep, p.rep
	if p.tanh {
		gates += 4 * p.rep
	}
	return rows*(10*p.len+p.headDim) + 2*p.rep*p.len + 2*p.len*p.headDim + gates
}
