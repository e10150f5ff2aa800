package model

import (
	"errors"
	"fmt"

	"fettle/internal/compute"
)

// headState holds the arrays of the final norm and the head, for the rows with a target only.
type headState struct {
	rows, normed []float32 // (targets, D) outputs of the last block, before and after the norm
	dnorm, drows []float32 // (targets, D) their gradients
	logits       []float32 // (targets of a segment, V) where the head's own gradient is wanted, or logits are capped
	capped       []float32 // (the same) the logits, where their place is taken by their gradients
	nll          []float64 // (targets)
}

// arrays lists the arrays of rows with a target, with their widths.
func (h *headState) arrays(c *Config) []array {
	return []array{{&h.rows, c.Hidden}, {&h.normed, c.Hidden}, {&h.dnorm, c.Hidden}, {&h.drows, c.Hidden}}
}

// losses computes the losses of the segments on the rows with a target only; last has the needed rows, or all. With d
// it also leaves the gradient of last in work.g, unless no block needs it.
func (m *Model) losses(b *Batch, some *needed, last []float32, d *Derivative) ([]float64, error) {
	c, h, dev, n := m.config, &m.work.head, m.dev, len(b.Targets)
	for _, a := range h.arrays(c) {
		compute.Resize(a.data, n*a.width)
	}
	if cap(h.nll) < n {
		h.nll = make([]float64, n)
	}
	nll, at := h.nll[:n], make([]int32, n)
	for i, t := range b.Targets {
		at[i] = int32(t.Row)
	}
	if some != nil {
		at = some.places(at)
	}
	dev.Gather(h.rows, last, at, c.Hidden)
	m.norm(h.normed, h.rows, m.weights.norm, n)
	if d == nil {
		err := m.likelihoods(nll, nil, nil, b)
		return b.sums(nll), err
	}
	var failed error
	scales, err := d.scales(b, func() []float64 {
		failed = m.likelihoods(nll, nil, nil, b)
		return b.sums(nll)
	})
	if err = errors.Join(failed, err); err != nil {
		return nil, err
	}
	belowHead := m.lowest.layer < c.Layers || m.wants(normName)
	dnorm := m.zeroIf(belowHead, h.dnorm)
	if err := m.likelihoods(nll, dnorm, scales, b); err != nil {
		return nil, err
	}
	m.normGradient(normName, dnorm, h.rows, n)
	if m.lowest.layer < c.Layers {
		dev.Zero(h.drows)
		m.normBackward(h.drows, dnorm, h.rows, m.weights.norm, n)
		g := compute.Resize(&m.work.g, len(last))
		dev.Zero(g)
		dev.ScatterAdd(g, h.drows, at, c.Hidden)
	}
	return b.sums(nll), nil
}

// likelihoods computes −log p of every target. With scales it also adds scales times the gradient of the normed rows to
// dx, which may be nil, and collects the gradients of the head. Logits exist in the device alone, unless the head is
// adapted or trained.
func (m *Model) likelihoods(nll []float64, dx, scales []float32, b *Batch) error {
	h, w, dev := &m.work.head, m.weights.head, m.dev
	tokens := make([]int32, len(b.Targets))
	for i, t := range b.Targets {
		tokens[i] = t.Token
	}
	limit := float32(m.config.Arch.LogitCap)
	collect := scales != nil && m.wants(headName)
	if m.head == nil && !collect && limit == 0 {
		dev.CrossEntropy(nll, dx, h.normed, w, tokens, scales, len(tokens))
		return nil
	}
	learn := scales != nil
	if !learn {
		scales = make([]float32, len(tokens))
	}
	for _, s := range m.logitRuns(b, collect) {
		x, z, hi := h.normed[s.Row*w.K:], compute.Resize(&h.logits, s.Len*w.N), s.Row+s.Len
		rows := b.targetRows(s)
		if err := m.score(z, x, rows); err != nil {
			return err
		}
		if learn && limit > 0 {
			dev.Copy(compute.Resize(&h.capped, len(z)), z)
		}
		dev.SoftmaxCrossEntropy(nll[s.Row:hi], z, tokens[s.Row:hi], scales[s.Row:hi], s.Len)
		if !learn {
			continue
		}
		if limit > 0 {
			dev.SoftCapBackward(z, h.capped, limit)
		}
		var dxs []float32
		if dx != nil {
			dxs = dx[s.Row*w.K:]
		}
		if m.head != nil {
			if err := m.head.Backward(dxs, z, x, nil, rows); err != nil {
				return fmt.Errorf("%v: %w", Head, err)
			}
		}
		if dxs != nil {
			dev.MatMulT(dxs, z, w, s.Len)
		}
		if collect {
			m.receiver.Matrix(headName, w.N, w.K, z, x, []compute.Segment{{Len: s.Len}})
		}
	}
	return nil
}

// cappedRows bounds the rows of capped logits that exist at one time where the head is neither adapted nor trained.
const cappedRows = 64

// logitRuns cuts the targets into those whose logits exist at one time: a segment's, or fewer where the head, which
// collects the sum over a segment, allows it.
func (m *Model) logitRuns(b *Batch, collect bool) []compute.Segment {
	all := b.targetsBySegment()
	if m.head != nil || collect {
		return all
	}
	var runs []compute.Segment
	for _, s := range all {
		for ; s.Len > 0; s.Row, s.Len = s.Row+cappedRows, s.Len-cappedRows {
			runs = append(runs, compute.Segment{Row: s.Row, Len: min(s.Len, cappedRows)})
		}
	}
	return runs
}

// targetRows returns the rows of targets s.Row … s.Row+s.Len-1, which are of one segment.
func (b *Batch) targetRows(s compute.Segment) *Batch {
	at := make([]int32, s.Len)
	for i := range at {
		at[i] = int32(b.Targets[s.Row+i].Row)
	}
	return b.rows(at)
}
