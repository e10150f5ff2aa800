package model

import (
	"errors"
	"fmt"
)

// work is a view's memory, reused from call to call; it grows to the largest
// batch and stays.
type work struct {
	gradients
	states []*state    // the last one is shared by the blocks that keep none
	inputs [][]float32 // (n, D) by layer
	g      []float32   // (n, D)
	rows   []float32   // (targets, D) outputs of the last block, gathered
	normed []float32   // (targets, D)
	dnorm  []float32   // (targets, D)
	drows  []float32   // (targets, D)
	nll    []float64
}

// Loss runs the batch forward and returns, segment by segment, the sum of
// weight · −log p(target).
func (m *Model) Loss(b *Batch) ([]float64, error) { return m.pass(b, nil) }

// Gradients is Loss, followed by the backward pass of a loss whose derivative
// with respect to what Loss returns is d, from the head down to the lowest site
// in use. The deltas accumulate the gradients of their parameters.
func (m *Model) Gradients(b *Batch, d Derivative) ([]float64, error) { return m.pass(b, &d) }

// pass is Gradients, or Loss without d.
func (m *Model) pass(b *Batch, d *Derivative) ([]float64, error) {
	if err := m.check(b); err != nil {
		return nil, err
	}
	learn := d != nil && (m.full != nil || m.lowest.Layer < m.config.Layers)
	last, err := m.blocks(b, learn)
	if err != nil {
		return nil, err
	}
	losses, err := m.head(b, last, d, learn)
	if err != nil || !learn {
		return losses, err
	}
	return losses, m.descend(b)
}

// Reserve takes the memory for batches of up to n rows of which so many are
// targets, so that it does not grow piece by piece, which takes twice as much.
// What is kept between the passes depends on these n rows from then on, not on
// each batch's.
func (m *Model) Reserve(n, targets int) {
	m.reserved = n
	c, w, kept, last := m.config, &m.work, m.kept(n), m.config.Layers
	for l := range last {
		if s := m.stateOf(l, kept); cap(s.slab) == 0 {
			s.resize(c, n)
		}
	}
	for len(w.inputs) <= last {
		w.inputs = append(w.inputs, nil)
	}
	for l := range w.inputs {
		if l == 0 || m.full != nil || l >= m.lowest.Layer {
			room(&w.inputs[l], n*c.Hidden)
		}
	}
	room(&w.g, n*c.Hidden)
	for _, s := range []*[]float32{&w.rows, &w.normed, &w.dnorm, &w.drows} {
		room(s, targets*c.Hidden)
	}
	g, q, kv := &w.gradients, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	for _, r := range []struct {
		s     *[]float32
		width int
	}{
		{&g.dy, c.Hidden}, {&g.dnorm, c.Hidden}, {&g.dact, c.Intermediate}, {&g.dgate, c.Intermediate}, {&g.dup, c.Intermediate},
		{&g.dheads, q}, {&g.dq, q}, {&g.dk, kv}, {&g.dv, kv},
	} {
		room(r.s, n*r.width)
	}
}

// kept is how many blocks, from the top, keep their activations. Those below
// the lowest site never need them again.
func (m *Model) kept(n int) int {
	each, learning := int64(4*max(n, m.reserved)*m.config.stateFloats()), m.config.Layers-m.lowest.Layer
	if m.full != nil {
		learning = m.config.Layers
	}
	return int(min(m.keep/max(each, 1), int64(learning)))
}

// stateOf is where block l computes: a place of its own among the top kept
// blocks, else the shared one.
func (m *Model) stateOf(l, kept int) *state {
	i := max(l-(m.config.Layers-kept)+1, 0)
	for len(m.work.states) <= i {
		m.work.states = append(m.work.states, &state{})
	}
	return m.work.states[i]
}

// blocks runs every block and returns the last one's output (n, D). To learn,
// the inputs of the blocks from the lowest site up are kept.
func (m *Model) blocks(b *Batch, learn bool) ([]float32, error) {
	c, w, size := m.config, &m.work, len(b.Tokens)*m.config.Hidden
	for len(w.inputs) < c.Layers+1 {
		w.inputs = append(w.inputs, nil)
	}
	input := func(l int) []float32 {
		if !learn || (m.full == nil && l < m.lowest.Layer) {
			l = 0 // nothing comes back here
		}
		return room(&w.inputs[l], size)
	}
	kept := 0
	if learn {
		kept = m.kept(len(b.Tokens))
	}
	x := input(0)
	m.dev.Embed(x, m.weights.embed, b.Tokens)
	for l := range c.Layers {
		s, out := m.stateOf(l, kept), input(l+1)
		s.x = x
		if err := m.forward(l, s, out, b, nil); err != nil {
			return nil, err
		}
		x = out
	}
	return x, nil
}

// head computes the losses on the learned rows only, and with learn leaves the
// gradient of the last block's output in work.g.
func (m *Model) head(b *Batch, last []float32, d *Derivative, learn bool) ([]float64, error) {
	c, w, dev, n := m.config, &m.work, m.dev, len(b.Targets)
	eps := float32(c.NormEps)
	rows, normed := room(&w.rows, n*c.Hidden), room(&w.normed, n*c.Hidden)
	tokens := make([]int32, n)
	for i, t := range b.Targets {
		copy(rows[i*c.Hidden:][:c.Hidden], last[t.Row*c.Hidden:])
		tokens[i] = t.Token
	}
	dev.RMSNorm(normed, rows, m.weights.norm, n, eps)
	if cap(w.nll) < n {
		w.nll = make([]float64, n)
	}
	nll := w.nll[:n]
	losses := func() []float64 {
		dev.CrossEntropy(nll, nil, normed, m.weights.head, tokens, nil, n)
		return b.sums(nll)
	}
	if !learn {
		return losses(), nil
	}
	scales, err := d.scales(b, losses)
	if err != nil {
		return nil, err
	}
	dnorm, drows := zeros(&w.dnorm, n*c.Hidden), zeros(&w.drows, n*c.Hidden)
	if m.full != nil {
		m.full.crossEntropy(nll, dnorm, normed, tokens, scales, b)
		m.full.finalNorm(dnorm, rows, eps)
	} else {
		dev.CrossEntropy(nll, dnorm, normed, m.weights.head, tokens, scales, n)
	}
	dev.RMSNormBackward(drows, dnorm, rows, m.weights.norm, n, eps)
	g := zeros(&w.g, len(last))
	for i, t := range b.Targets {
		dev.Add(g[t.Row*c.Hidden:][:c.Hidden], drows[i*c.Hidden:][:c.Hidden])
	}
	return b.sums(nll), nil
}

// descend takes work.g down through the blocks, recomputing the activations
// that were not kept.
func (m *Model) descend(b *Batch) error {
	c, w := m.config, &m.work
	kept, end := m.kept(len(b.Tokens)), m.lowest.Layer
	if m.full != nil {
		end = 0
	}
	for l := c.Layers - 1; l >= end; l-- {
		s := m.stateOf(l, kept)
		if l < c.Layers-kept-1 { // the forward pass left the others as they are
			s.x = w.inputs[l]
			if err := m.forward(l, s, nil, b, nil); err != nil {
				return err
			}
		}
		if err := m.backward(l, s, w.g, b); err != nil {
			return err
		}
	}
	m.full.embedding(w.g, b)
	return nil
}

// Logits returns the rows' logits (len(rows), V).
func (m *Model) Logits(b *Batch, rows []int) ([]float32, error) {
	if err := m.check(b); err != nil {
		return nil, err
	}
	last, err := m.blocks(b, false)
	if err != nil {
		return nil, err
	}
	c := m.config
	x := make([]float32, 0, len(rows)*c.Hidden)
	for _, r := range rows {
		x = append(x, last[r*c.Hidden:][:c.Hidden]...)
	}
	out := make([]float32, len(rows)*c.Vocab)
	m.dev.RMSNorm(x, x, m.weights.norm, len(rows), float32(c.NormEps))
	m.dev.MatMul(out, x, m.weights.head, len(rows))
	return out, nil
}

// check refuses a batch that the model cannot run.
func (m *Model) check(b *Batch) error {
	if len(b.Tokens) == 0 {
		return errors.New("model: empty batch")
	}
	for _, t := range b.Tokens {
		if t < 0 || int(t) >= m.config.Vocab {
			return fmt.Errorf("model: token %d is outside the vocabulary of %d", t, m.config.Vocab)
		}
	}
	for _, t := range b.Targets {
		if t.Token < 0 || int(t.Token) >= m.config.Vocab {
			return fmt.Errorf("model: label %d is outside the vocabulary of %d", t.Token, m.config.Vocab)
		}
	}
	if n := b.positions(); n > m.config.MaxPositions {
		return fmt.Errorf("model: a sequence of %d tokens is longer than the model's %d positions", n, m.config.MaxPositions)
	}
	return nil
}
