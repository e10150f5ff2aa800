package model

import "fettle/internal/compute"

// headState holds the arrays of the final norm and the head, for the rows with a target only.
type headState struct {
	rows, normed []float32 // (targets, D) outputs of the last block, before and after the norm
	dnorm, drows []float32 // (targets, D) their gradients
	logits       []float32 // (targets of a segment, V) where the head's own gradient is wanted
	nll          []float64 // (targets)
}

// arrays lists the arrays of rows with a target, with their widths.
func (h *headState) arrays(c *Config) []array {
	return []array{{&h.rows, c.Hidden}, {&h.normed, c.Hidden}, {&h.dnorm, c.Hidden}, {&h.drows, c.Hidden}}
}

// head computes the losses of the segments on the rows with a target only. With d it also leaves the gradient of the
// last block's output in work.g, unless no block needs it.
func (m *Model) head(b *Batch, last []float32, d *Derivative) ([]float64, error) {
	c, h, dev, n := m.config, &m.work.head, m.dev, len(b.Targets)
	eps := float32(c.NormEps)
	for _, a := range h.arrays(c) {
		compute.Resize(a.data, n*a.width)
	}
	if cap(h.nll) < n {
		h.nll = make([]float64, n)
	}
	nll, tokens, at := h.nll[:n], make([]int32, n), make([]int32, n)
	for i, t := range b.Targets {
		tokens[i], at[i] = t.Token, int32(t.Row)
	}
	dev.Gather(h.rows, last, at, c.Hidden)
	dev.RMSNorm(h.normed, h.rows, m.weights.norm, n, eps)
	losses := func() []float64 {
		dev.CrossEntropy(nll, nil, h.normed, m.weights.head, tokens, nil, n)
		return b.sums(nll)
	}
	if d == nil {
		return losses(), nil
	}
	scales, err := d.scales(b, losses)
	if err != nil {
		return nil, err
	}
	belowHead := m.lowest.layer < c.Layers || m.wants(normName)
	dnorm := m.zeroIf(belowHead, h.dnorm)
	if m.wants(headName) {
		m.headBackward(nll, dnorm, tokens, scales, b)
	} else {
		dev.CrossEntropy(nll, dnorm, h.normed, m.weights.head, tokens, scales, n)
	}
	m.normGradient(normName, dnorm, h.rows, n)
	if m.lowest.layer < c.Layers {
		dev.Zero(h.drows)
		dev.RMSNormBackward(h.drows, dnorm, h.rows, m.weights.norm, n, eps)
		g := compute.Resize(&m.work.g, len(last))
		dev.Zero(g)
		dev.ScatterAdd(g, h.drows, at, c.Hidden)
	}
	return b.sums(nll), nil
}

// headBackward is Device.CrossEntropy with the gradient of the head's weight as well, segment by segment. dx may be
// nil.
func (m *Model) headBackward(nll []float64, dx []float32, tokens []int32, scales []float32, b *Batch) {
	h, w, dev := &m.work.head, m.weights.head, m.dev
	for _, s := range b.targetsBySegment() {
		x, z := h.normed[s.Row*w.K:], compute.Resize(&h.logits, s.Len*w.N)
		hi := s.Row + s.Len
		dev.MatMul(z, x, w, s.Len)
		dev.SoftmaxCrossEntropy(nll[s.Row:hi], z, tokens[s.Row:hi], scales[s.Row:hi], s.Len)
		if dx != nil {
			dev.MatMulT(dx[s.Row*w.K:], z, w, s.Len)
		}
		m.receiver.Matrix(headName, w.N, w.K, z, x, []compute.Segment{{Len: s.Len}})
	}
}
