package adapter

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
	"fettle/model"
)

// loraEmbedding is y[i] += s·B·A[:, tokens[i]], with A (r, V) and B (D, r). There is no dropout: nothing is multiplied
// by A.
type loraEmbedding struct {
	graphs *graphs
	a, b   *Param
	form   loraEmbeddingForm

	u    []float32 // (n, r) columns of A
	at   []int32   // where they are in A
	leaf []float32 // (r, V) a sequence's gradient of A

	da, db *sum
}

func newLoRAEmbedding(graphs *graphs, a, b *Param, form loraEmbeddingForm) *loraEmbedding {
	return &loraEmbedding{
		graphs: graphs, a: a, b: b, form: form, da: newMixed(graphs.dev, a.Grad), db: newSum(graphs.dev, b.Grad),
	}
}

func (l *loraEmbedding) sums() []*sum { return []*sum{l.da, l.db} }

// loraEmbeddingForm is y = s·u·Bᵀ with B (out, r).
type loraEmbeddingForm struct {
	out, r int
	s      float32
}

// embedding returns the form at the embedding.
func (l loraForm) embedding() loraEmbeddingForm { return loraEmbeddingForm{l.out, l.r, l.s} }

// derive has Gorgonia differentiate y with respect to B and u.
func (l loraEmbeddingForm) derive(e engine, n int, _ bool) (*graph, error) {
	leaves := []leaf{{"u", tensor.Shape{n, l.r}}, {"B", tensor.Shape{l.out, l.r}}}
	return derive(e, leaves, []int{1, 0}, func(in []*G.Node) (*G.Node, error) {
		var f formula
		return f.mul(f.scale(in[0], l.s), f.transpose(in[1])), f.err
	})
}

// floats counts the elements of derive's graph: u before and after scaling and its gradients, and that of B.
func (l loraEmbeddingForm) floats(n int) int { return 4*n*l.r + l.out*l.r }

// columns gathers the tokens' columns of A, rows lo … hi-1 of the batch.
func (l *loraEmbedding) columns(tokens []int32) []float32 {
	vocab := l.a.Shape[1]
	l.at = l.at[:0]
	for _, token := range tokens {
		for j := range l.form.r {
			l.at = append(l.at, int32(j*vocab)+token)
		}
	}
	u := compute.Resize(&l.u, len(l.at))
	l.graphs.dev.Gather(u, l.a.Data, l.at, 1)
	return u
}

// Forward adds the module's output, on the device.
func (l *loraEmbedding) Forward(y, _ []float32, b *model.Batch) error {
	r, out := l.form.r, l.form.out
	u := l.columns(b.Tokens)
	l.graphs.dev.Gemm(false, true, len(b.Tokens), out, r, l.form.s, u, r, l.b.Data, r, 1, y, out)
	return nil
}

// Backward runs Gorgonia's graph sequence by sequence.
func (l *loraEmbedding) Backward(_, dy, _, _ []float32, b *model.Batch) error {
	out := l.form.out
	for i, s := range b.Segments {
		g, err := l.graphs.of(l.form, s.Len, false)
		if err != nil {
			return err
		}
		lo, hi := s.Row, s.Row+s.Len
		u := l.columns(b.Tokens[lo:hi])
		grads, err := g.run(u, l.b.Data, dy[lo*out:hi*out])
		if err != nil {
			return err
		}
		l.db.add(b, i, grads[0])
		leaf := compute.Resize(&l.leaf, len(l.a.Data))
		l.graphs.dev.Zero(leaf)
		l.graphs.dev.ScatterAdd(leaf, grads[1], l.at, 1)
		l.da.add(b, i, leaf)
	}
	return nil
}
