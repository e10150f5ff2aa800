package adapter

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"fettle/internal/compute"
	"fettle/internal/rng"
	"fettle/model"
)

// lora is y += s·(dropout(x)·Aᵀ·Bᵀ + 1·b) at one projection.
type lora struct {
	graphs  *graphs
	scratch *loraScratch
	site    model.Site
	a, b    *Param // (r, in), (out, r)
	bias    *Param // (out); nil: none
	form    loraForm
	dropout float64

	all []*sum // of A, B and b
}

func newLoRA(graphs *graphs, scratch *loraScratch, s loraSite, p Params, dropout float64) *lora {
	l := &lora{
		graphs: graphs, scratch: scratch, site: s.at, a: p[s.a()], b: p[s.b()], bias: p[s.bias()], form: s.form,
		dropout: dropout,
	}
	l.all = []*sum{newSum(graphs.dev, l.a.Grad), newSum(graphs.dev, l.b.Grad)}
	if l.form.bias {
		l.all = append(l.all, newSum(graphs.dev, l.bias.Grad))
	}
	return l
}

// loraScratch is shared by the modules of an adapter.
type loraScratch struct {
	u       []float32 // (n, r)
	dropped []float32 // (n, in)
	ones    []float32 // (n), for the bias
}

// loraForm is y = s·x·Aᵀ·Bᵀ with A (r, in) and B (out, r), or y = s·x·Aᵀ·Bᵀ + s·1·b with b (1, out).
type loraForm struct {
	in, out, r int
	s          float32
	bias       bool
}

// derive has Gorgonia differentiate with respect to A, B, b and, for modules below, x. The column 1 (n, 1) repeats b
// for every row.
func (l loraForm) derive(e engine, n int, below bool) (*graph, error) {
	leaves := []leaf{{"x", tensor.Shape{n, l.in}}, {"A", tensor.Shape{l.r, l.in}}, {"B", tensor.Shape{l.out, l.r}}}
	wrt := []int{1, 2}
	if l.bias {
		leaves = append(leaves, leaf{"b", tensor.Shape{1, l.out}}, leaf{"1", tensor.Shape{n, 1}})
		wrt = append(wrt, 3)
	}
	if below {
		wrt = append(wrt, 0)
	}
	return derive(e, leaves, wrt, func(in []*G.Node) (*G.Node, error) {
		var f formula
		y := f.mul(f.scale(f.mul(in[0], f.transpose(in[1])), l.s), f.transpose(in[2]))
		if l.bias {
			y = f.add(y, f.scale(f.mul(in[4], in[3]), l.s))
		}
		return y, f.err
	})
}

// floats counts the elements of derive's graph: x·Aᵀ and dy·B (n, r) before and after scaling, and the gradients.
func (l loraForm) floats(n int) int {
	floats := 4*n*l.r + l.r*l.in + l.out*l.r + n*l.in
	if l.bias {
		floats += n*l.out + l.out
	}
	return floats
}

// Forward adds the module's output, on the device.
func (l *lora) Forward(y, x []float32, b *model.Batch) error {
	in, out, n := l.a.Shape[1], l.b.Shape[0], len(b.Tokens)
	x = l.drop(x, b)
	u := compute.Resize(&l.scratch.u, n*l.form.r)
	l.graphs.dev.Gemm(false, true, n, l.form.r, in, l.form.s, x, in, l.a.Data, in, 0, u, l.form.r)
	l.graphs.dev.Gemm(false, true, n, out, l.form.r, 1, u, l.form.r, l.b.Data, l.form.r, 1, y, out)
	if l.form.bias {
		l.graphs.dev.Gemm(false, false, n, out, 1, l.form.s, l.column(n), 1, l.bias.Data, out, 1, y, out)
	}
	return nil
}

// column returns n ones.
func (l *lora) column(n int) []float32 {
	for len(l.scratch.ones) < n {
		l.scratch.ones = append(l.scratch.ones, 1)
	}
	return l.scratch.ones[:n]
}

func (l *lora) sums() []*sum { return l.all }

// Backward runs Gorgonia's graph sequence by sequence and adds each one's gradients of A, B and b to their sums.
func (l *lora) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	in, out := l.a.Shape[1], l.b.Shape[0]
	x = l.drop(x, b)
	for i, s := range b.Segments {
		g, err := l.graphs.of(l.form, s.Len, dx != nil)
		if err != nil {
			return err
		}
		lo, hi := s.Row, s.Row+s.Len
		values := [][]float32{x[lo*in : hi*in], l.a.Data, l.b.Data}
		if l.form.bias {
			values = append(values, l.bias.Data, l.column(s.Len))
		}
		grads, err := g.run(append(values, dy[lo*out:hi*out])...)
		if err != nil {
			return err
		}
		for j, sum := range l.all {
			sum.add(b, i, grads[j])
		}
		if dx != nil {
			below := grads[len(grads)-1]
			l.mask(below, b, i)
			l.graphs.dev.Add(dx[lo*in:hi*in], below)
		}
	}
	return nil
}

// drop returns dropout(x) while training, else x itself.
func (l *lora) drop(x []float32, b *model.Batch) []float32 {
	if l.dropout == 0 || !b.Train {
		return x
	}
	in := l.a.Shape[1]
	dropped := compute.Resize(&l.scratch.dropped, len(b.Tokens)*in)
	l.graphs.dev.Copy(dropped, x)
	for i, s := range b.Segments {
		l.mask(dropped[s.Row*in:][:s.Len*in], b, i)
	}
	return dropped
}

// mask applies dropout to the rows of segment i, of which it is its own derivative. Which elements are zeroed is a
// function of the run's seed, the step, the sequence, the site and the element alone.
func (l *lora) mask(rows []float32, b *model.Batch, i int) {
	if l.dropout == 0 || !b.Train {
		return
	}
	s := b.Segments[i]
	key := rng.Stream(b.Seed, b.Step, b.Samples[i], uint64(l.site.Layer), uint64(l.site.At))
	l.graphs.dev.Dropout(rows, l.a.Shape[1], b.Positions[s.Row:][:s.Len], l.dropout, key)
}
