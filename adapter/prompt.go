package adapter

import (
	"math"

	"fettle/internal/compute"
	"fettle/model"
)

// prompt adds zero-init attention at one layer: with K_P and V_P the frozen projections of the adaption prompt P
// (K, D), and c the activated gates,
//
//	y[h] += c[h]·softmax(q[h]·K_P[g]ᵀ/√Dh)·V_P[g]
//
// for every head h, whose key head is g. q is rotated, K_P is not: the prompt has no position. Zhang et al.
// 2023, arXiv:2303.16199, section 3.
type prompt struct {
	model   *model.Model
	dev     compute.Device
	graphs  *graphs
	scratch *promptScratch
	layer   int
	form    promptForm

	rows     []float32 // P (K, D), a window into its parameter
	gradRows []float32
	gate     []float32 // (H), or (1)

	k, v   []float32 // K_P, V_P (K, G·Dh)
	dk, dv []float32 // their gradients over the step
	raw    []float32 // (H) the gate of every head before its activation
	c      []float32 // (H) and after

	sumK, sumV, sumGate *sum // into dk, dv and the gradient of gate
}

// promptScratch is shared by the layers of an adapter.
type promptScratch struct {
	scores        []float32 // forward: (n, H·K)
	q, dy, k, v   []float32 // backward, of a sequence and key head: (n·R, Dh) twice, (K, Dh) twice
	picks, ones   []float32 // E and 1 of promptForm
	queries, keys []int32   // rows of q and of k
	dk, dv, gate  []float32 // a sequence's gradients: (K, G·Dh) twice, and of the gates
}

// constants returns E (n·R, R), n identity matrices one below the other, and 1 (1, K).
func (s *promptScratch) constants(f promptForm, n int) (picks, ones []float32) {
	if size := n * f.rep * f.rep; len(s.picks) < size {
		s.picks = make([]float32, size)
		for i := range n * f.rep {
			s.picks[i*f.rep+i%f.rep] = 1
		}
	}
	for len(s.ones) < f.len {
		s.ones = append(s.ones, 1)
	}
	return s.picks[:n*f.rep*f.rep], s.ones[:f.len]
}

// Forward adds the gated attention to the prompt, on the device. A gate of exactly zero adds nothing.
func (p *prompt) Forward(y, x []float32, b *model.Batch) error {
	f, n := p.form, len(b.Tokens)
	heads, d := f.rep*f.groups, f.headDim
	qw, kw, zw := heads*d, f.groups*d, heads*f.len
	z := compute.Resize(&p.scratch.scores, n*zw)
	for h := range heads {
		q, k := h*d, h/f.rep*d
		p.dev.Gemm(false, true, n, f.len, d, float32(invSqrt(d)), x[q:], qw, p.k[k:], kw, 0, z[h*f.len:], zw)
	}
	p.dev.Softmax(z, f.len)
	for h, gate := range p.c {
		if gate != 0 {
			q, k := h*d, h/f.rep*d
			p.dev.Gemm(false, false, n, d, f.len, gate, z[h*f.len:], zw, p.v[k:], kw, 1, y[q:], qw)
		}
	}
	return nil
}

func (p *prompt) sums() []*sum { return []*sum{p.sumK, p.sumV, p.sumGate} }

// Backward runs Gorgonia's graph for every sequence and key head and adds each sequence's gradients to the sums. The
// query heads of one key head lie side by side in a row of x: R·Dh elements.
func (p *prompt) Backward(dx, dy, x, _ []float32, b *model.Batch) error {
	f, mem := p.form, p.scratch
	width := f.rep * f.headDim
	for i, s := range b.Segments {
		g, err := p.graphs.of(f, s.Len, dx != nil)
		if err != nil {
			return err
		}
		size := s.Len * width
		q, dout := compute.Resize(&mem.q, size), compute.Resize(&mem.dy, size)
		k, v := compute.Resize(&mem.k, f.len*f.headDim), compute.Resize(&mem.v, f.len*f.headDim)
		picks, ones := mem.constants(f, s.Len)
		dk, dv := compute.Resize(&mem.dk, len(p.dk)), compute.Resize(&mem.dv, len(p.dv))
		gate := compute.Resize(&mem.gate, len(p.gate))
		p.dev.Zero(dk)
		p.dev.Zero(dv)
		clear(gate)
		for key := range f.groups {
			queries := places(&mem.queries, s.Row, s.Len, f.groups, key)
			p.dev.Gather(q, x, queries, width)
			p.dev.Gather(dout, dy, queries, width)
			keys := places(&mem.keys, 0, f.len, f.groups, key)
			p.dev.Gather(k, p.k, keys, f.headDim)
			p.dev.Gather(v, p.v, keys, f.headDim)
			grads, err := g.run(q, k, v, p.raw[key*f.rep:][:f.rep], picks, ones, dout)
			if err != nil {
				return err
			}
			p.dev.ScatterAdd(dk, grads[0], keys, f.headDim)
			p.dev.ScatterAdd(dv, grads[1], keys, f.headDim)
			for j, dg := range grads[2] {
				gate[min(key*f.rep+j, len(gate)-1)] += dg
			}
			if dx != nil {
				p.dev.ScatterAdd(dx, grads[3], queries, width)
			}
		}
		p.sumK.add(b, i, dk)
		p.sumV.add(b, i, dv)
		p.sumGate.add(b, i, gate)
	}
	return nil
}

// places lists the rows of one key head among n·G rows that begin at row·G.
func places(s *[]int32, row, n, groups, key int) []int32 {
	*s = (*s)[:0]
	for i := range n {
		*s = append(*s, int32((row+i)*groups+key))
	}
	return *s
}

// finish brings the gradients of K_P and V_P through the frozen projections to
// the prompt.
func (p *prompt) finish() {
	length := len(p.rows) / p.model.Config().Hidden
	p.dev.MatMulT(p.gradRows, p.dk, p.weight(model.KProj), length)
	p.dev.MatMulT(p.gradRows, p.dv, p.weight(model.VProj), length)
}

// refresh projects the prompt, with the projections' biases, and activates the gates.
func (p *prompt) refresh() error {
	length := len(p.rows) / p.model.Config().Hidden
	for _, t := range []struct {
		y  []float32
		at model.Place
	}{{p.k, model.KProj}, {p.v, model.VProj}} {
		p.dev.MatMul(t.y, p.rows, p.weight(t.at), length)
		if bias := p.model.Bias(model.Site{Layer: p.layer, At: t.at}); bias != nil {
			p.dev.AddRow(t.y, bias)
		}
	}
	for h := range p.c {
		p.raw[h] = p.gate[min(h, len(p.gate)-1)]
		p.c[h] = p.raw[h]
		if p.form.tanh {
			p.c[h] = float32(math.Tanh(float64(p.raw[h])))
		}
	}
	return nil
}

func (p *prompt) weight(at model.Place) *compute.Matrix {
	return p.model.Weight(model.Site{Layer: p.layer, At: at})
}
