package model

import (
	"maps"
	"slices"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// Weight holds a weight of an unfrozen model with its gradient.
type Weight struct {
	Name       string // Hugging Face
	Shape      []int
	Data, Grad []float32
}

// Unfrozen makes every weight of a model trainable: it receives the gradients of all of them.
type Unfrozen struct {
	m           *Model
	weights     []Weight
	data, grads map[string][]float32 // by name; a tied head has a gradient of its own, until Finish
}

// Unfreeze turns the model's weights into float32 arrays that may change, and lets Gradients collect their gradients.
func (m *Model) Unfreeze() (*Unfrozen, error) {
	u, w := &Unfrozen{m: m, data: map[string][]float32{}, grads: map[string][]float32{}}, m.weights
	w.embed = u.matrix(w.embed)
	for l := range w.blocks {
		b := &w.blocks[l]
		u.add(inputNorm(l), b.norm1, len(b.norm1))
		u.add(mlpNorm(l), b.norm2, len(b.norm2))
		for p, old := range b.proj {
			b.proj[p] = u.matrix(old)
		}
	}
	u.add(normName, w.norm, len(w.norm))
	if m.config.Tied {
		w.head = w.embed
		u.grads[headName] = make([]float32, tiedHead(m.config))
	} else {
		w.head = u.matrix(w.head)
	}
	if err := m.Collect(u, slices.Collect(maps.Keys(u.grads))); err != nil {
		return nil, err
	}
	return u, w.prepare(m.dev, "none")
}

// tiedHead returns the length of the head's part of a tied embedding's gradient, which is summed on its own.
func tiedHead(c *Config) int {
	if !c.Tied {
		return 0
	}
	return c.Vocab * c.Hidden
}

// add makes data a trainable array.
func (u *Unfrozen) add(name string, data []float32, shape ...int) {
	u.data[name], u.grads[name] = data, make([]float32, len(data))
	u.weights = append(u.weights, Weight{name, shape, data, u.grads[name]})
}

// matrix copies old into a trainable array of float32.
func (u *Unfrozen) matrix(old *compute.Matrix) *compute.Matrix {
	data := make([]float32, old.N*old.K)
	for i := range old.N {
		old.Row(data[i*old.K:][:old.K], i, 0)
	}
	u.add(old.Name, data, old.N, old.K)
	raw := checkpoint.FromFloat32s(old.Name, nil, data).Data
	return &compute.Matrix{Name: old.Name, N: old.N, K: old.K, Type: compute.F32, Raw: raw, Packed: old.Packed}
}

// Weights lists the weights; a tied head is the embedding.
func (u *Unfrozen) Weights() []Weight { return u.weights }

// Finish completes the gradients after the last backward pass of a step: a tied embedding's is the sum of its two
// parts.
func (u *Unfrozen) Finish() {
	if u.m.config.Tied {
		u.m.dev.Add(u.grads[embedName], u.grads[headName])
		u.m.dev.Zero(u.grads[headName])
	}
}

// Refresh tells the device that the weights have changed.
func (u *Unfrozen) Refresh() error {
	w := u.m.weights
	all := []*compute.Matrix{w.embed, w.head}
	for l := range w.blocks {
		all = append(all, w.blocks[l].proj[:]...)
	}
	for _, m := range all {
		m.Raw = checkpoint.FromFloat32s(m.Name, nil, u.data[m.Name]).Data
	}
	return w.prepare(u.m.dev, "none")
}

// Matrix adds dyᵀ·x, segment by segment.
func (u *Unfrozen) Matrix(weight string, n, k int, dy, x []float32, segs []compute.Segment) {
	grad := u.grads[weight]
	for _, s := range segs {
		u.m.dev.Gemm(true, false, n, k, s.Len, 1, dy[s.Row*n:], n, x[s.Row*k:], k, 1, grad, k)
	}
}

// Norm adds Σ_i dy[i]·x[i]/sqrt(mean(x[i]²)+eps).
func (u *Unfrozen) Norm(weight string, dy, x []float32, n int, eps float32) {
	u.m.dev.RMSNormWeightBackward(u.grads[weight], dy, x, n, eps)
}

// Embedding adds dy[i] to row tokens[i].
func (u *Unfrozen) Embedding(weight string, dy []float32, tokens []int32) {
	u.m.dev.ScatterAdd(u.grads[weight], dy, tokens, u.m.config.Hidden)
}
