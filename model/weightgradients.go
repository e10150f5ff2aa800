package model

import (
	"fmt"
	"slices"

	"fettle/internal/compute"
)

// WeightGradients receives the gradients of weights of the backbone itself during the backward pass, by Hugging Face
// name. A weight's gradient is a sum over segments, added segment by segment, so that its bits do not depend on how
// sequences are split into micro-batches.
type WeightGradients interface {
	// Matrix receives the gradient of a linear map y = x·Wᵀ with W (n, k): dW += Σ dyᵀ·x over the rows of each segment
	// in turn, dy (rows, n), x (rows, k). A tied head comes by the name lm_head.weight.
	Matrix(weight string, n, k int, dy, x []float32, segs []compute.Segment)

	// Norm receives the gradient of an RMSNorm's weight over n rows: dw += Σ_i dy[i]·x[i]/sqrt(mean(x[i]²)+eps).
	Norm(weight string, dy, x []float32, n int, eps float32)

	// Bias receives the gradient of a bias b (w) of y = x·Wᵀ + b over n rows: db += Σ_i dy[i], dy (n, w).
	Bias(name string, dy []float32, n int)

	// Embedding receives the gradient of the looked-up rows: dW[tokens[i]] += dy[i].
	Embedding(weight string, dy []float32, tokens []int32)
}

// Collect makes Gradients pass the gradients of these weights, and of no others, to a receiver. The backward pass goes
// down as far as the lowest of them and of the view's deltas. A tied head is named lm_head.weight. Views made of the
// model afterwards collect too.
func (m *Model) Collect(into WeightGradients, weights []string) error {
	wanted := map[string]bool{}
	for _, name := range weights {
		known := func(t TensorShape) bool { return t.Name == name }
		if name != headName && !slices.ContainsFunc(m.config.Tensors(), known) {
			return fmt.Errorf("model: no weight %s", name)
		}
		wanted[name] = true
	}
	m.receiver, m.wanted = into, wanted
	m.lowest = m.findLowest()
	return nil
}

// wants reports whether a receiver wants the gradient of a weight.
func (m *Model) wants(weight string) bool { return len(m.wanted) > 0 && m.wanted[weight] }

// matrixGradient passes on dyᵀ·x of a projection, where it is wanted.
func (m *Model) matrixGradient(at Site, dy, x []float32, segs []compute.Segment) {
	if len(m.wanted) == 0 {
		return
	}
	if name := at.WeightName(); m.wants(name) {
		w := m.Weight(at)
		m.receiver.Matrix(name, w.N, w.K, dy, x, segs)
	}
}

// biasGradient passes on the sum of a projection's dy over n rows, where the gradient of its bias is wanted.
func (m *Model) biasGradient(at Site, dy []float32, n int) {
	if len(m.wanted) == 0 {
		return
	}
	if name := at.BiasName(); m.wants(name) {
		m.receiver.Bias(name, dy, n)
	}
}

// normGradient passes on the gradient of a norm's weight, where it is wanted.
func (m *Model) normGradient(name string, dy, x []float32, n int) {
	if m.wants(name) {
		m.receiver.Norm(name, dy, x, n, float32(m.config.NormEps))
	}
}
