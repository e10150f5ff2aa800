package model

import (
	"errors"
	"fmt"
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

// Unfrozen makes weights of a model trainable: it receives their gradients.
type Unfrozen struct {
	m           *Model
	weights     []Weight
	matrices    []*compute.Matrix
	norms       []*norm
	data, grads map[string][]float32 // by name; a tied head has a gradient of its own, until Finish
}

// Unfreeze turns weights of the model, nil: all, into float32 arrays that may change, and lets Gradients collect their
// gradients. A tied head follows the embedding. All views change, unless the model is a view of Own.
func (m *Model) Unfreeze(names []string) (*Unfrozen, error) {
	w, c := m.weights, m.config
	u := &Unfrozen{m: m, data: map[string][]float32{}, grads: map[string][]float32{}}
	wants := func(name string) bool { return names == nil || slices.Contains(names, name) }
	if wants(embedName) {
		w.embed = u.matrix(embedName, w.embed)
		if c.Tied {
			w.head = w.embed
			u.grads[headName] = make([]float32, c.Vocab*c.Hidden)
		}
	}
	for l := range w.blocks {
		b := &w.blocks[l]
		for _, p := range c.Arch.norms() {
			if name := c.normName(l, p); wants(name) {
				u.norm(name, &b.norms[p])
			}
		}
		for p, old := range b.proj {
			if name := (Site{l, Place(p)}).WeightName(); wants(name) {
				b.proj[p] = u.matrix(name, old)
			}
			if name := (Site{l, Place(p)}).BiasName(); b.bias[p] != nil && wants(name) {
				b.bias[p] = u.vector(name, b.bias[p])
			}
		}
	}
	if wants(normName) {
		u.norm(normName, &w.norm)
	}
	if wants(headName) && !c.Tied {
		w.head = u.matrix(headName, w.head)
	}
	for _, name := range names {
		if u.data[name] == nil {
			return nil, fmt.Errorf("model: no weight %s", name)
		}
	}
	if err := m.Collect(u, slices.Collect(maps.Keys(u.grads))); err != nil {
		return nil, err
	}
	return u, u.prepare()
}

// add makes data a trainable array.
func (u *Unfrozen) add(name string, data []float32, shape ...int) {
	u.data[name], u.grads[name] = data, make([]float32, len(data))
	u.weights = append(u.weights, Weight{name, shape, data, u.grads[name]})
}

// norm makes a copy of a norm's weight trainable.
func (u *Unfrozen) norm(name string, n *norm) {
	*n = u.m.config.Arch.newNorm(u.vector(name, n.stored))
	u.norms = append(u.norms, n)
}

// vector makes a copy of a vector trainable.
func (u *Unfrozen) vector(name string, old []float32) []float32 {
	data := slices.Clone(old)
	u.add(name, data, len(data))
	return data
}

// matrix copies old into a trainable array of float32. Its layout takes the memory of old's, unless other views use it.
func (u *Unfrozen) matrix(name string, old *compute.Matrix) *compute.Matrix {
	data := make([]float32, old.N*old.K)
	for i := range old.N {
		old.Row(data[i*old.K:][:old.K], i, 0)
	}
	u.add(name, data, old.N, old.K)
	m := &compute.Matrix{Name: name, N: old.N, K: old.K, Type: compute.F32}
	m.Raw = checkpoint.FromFloat32s(name, nil, data).Data
	if !u.m.weights.shared {
		m.Packed = old.Packed
	}
	u.matrices = append(u.matrices, m)
	return m
}

// Weights lists the weights; a tied head is the embedding.
func (u *Unfrozen) Weights() []Weight { return u.weights }

// Finish completes the gradients after the last backward pass of a step: a tied embedding's is the sum of its two
// parts.
func (u *Unfrozen) Finish() {
	if head := u.grads[headName]; head != nil && u.m.config.Tied {
		u.m.dev.Add(u.grads[embedName], head)
		u.m.dev.Zero(head)
	}
}

// Refresh tells the device that the weights have changed.
func (u *Unfrozen) Refresh() error {
	for _, m := range u.matrices {
		m.Raw = checkpoint.FromFloat32s(m.Name, nil, u.data[m.Name]).Data
	}
	for _, n := range u.norms {
		n.refresh(u.m.config.Arch.NormOffset)
	}
	return u.prepare()
}

// prepare lets the device lay out the factors of products.
func (u *Unfrozen) prepare() error {
	var errs []error
	for _, m := range u.matrices {
		if w := u.m.weights; m != w.embed || m == w.head { // an embedding alone is looked up as it is
			errs = append(errs, u.m.dev.Prepare(m))
		}
	}
	return errors.Join(errs...)
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

// Bias adds Σ_i dy[i], row after row.
func (u *Unfrozen) Bias(weight string, dy []float32, n int) {
	grad := u.grads[weight]
	u.m.dev.ScatterAdd(grad, dy, make([]int32, n), len(grad))
}

// Embedding adds dy[i] to row tokens[i].
func (u *Unfrozen) Embedding(weight string, dy []float32, tokens []int32) {
	u.m.dev.ScatterAdd(u.grads[weight], dy, tokens, u.m.config.Hidden)
}
