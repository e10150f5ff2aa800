package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"fettle/internal/compute"
)

// Loss runs the batch forward and returns, segment by segment, the sum of weight · −log p(target).
func (m *Model) Loss(b *Batch) ([]float64, error) { return m.pass(b, nil) }

// Gradients is Loss, followed by the backward pass of a loss whose derivative with respect to what Loss returns is d,
// from the head down to the lowest delta or weight that is trained. The deltas accumulate the gradients of their
// parameters, the receiver of Collect those of the weights it wants.
func (m *Model) Gradients(b *Batch, d Derivative) ([]float64, error) { return m.pass(b, &d) }

// pass is Gradients, or Loss without d.
func (m *Model) pass(b *Batch, d *Derivative) ([]float64, error) {
	if err := m.check(b); err != nil {
		return nil, err
	}
	if !m.trains() {
		d = nil
	}
	some := b.learned()
	last, err := m.blocks(b, some, d != nil)
	if err != nil {
		return nil, err
	}
	losses, err := m.losses(b, some, last, d)
	if err != nil || d == nil {
		return losses, err
	}
	return losses, m.descend(b, some)
}

// blocks runs every block and returns the last one's output of the needed rows, (n, D); nil: of all. To learn, the
// inputs of the blocks that the backward pass comes back to are kept.
func (m *Model) blocks(b *Batch, some *needed, learn bool) ([]float32, error) {
	size, kept := len(b.Tokens)*m.config.Hidden, 0
	if learn {
		kept = m.kept(len(b.Tokens))
	}
	x := compute.Resize(m.input(0, learn), size)
	if err := m.lookUp(x, b); err != nil {
		return nil, err
	}
	for l := range m.config.Layers {
		top := m.inLast(l, some)
		if top != nil {
			size = len(top.rows) * m.config.Hidden
		}
		s, out := m.stateOf(l, kept), compute.Resize(m.input(l+1, learn), size)
		s.x = x
		if err := m.forward(l, s, out, b, top, nil); err != nil {
			return nil, err
		}
		x = out
	}
	return x, nil
}

// lookUp writes the embedded tokens of a batch to x (n, D).
func (m *Model) lookUp(x []float32, b *Batch) error {
	m.dev.Embed(x, m.weights.embed, b.Tokens)
	if m.embed != nil {
		if err := m.embed.Forward(x, nil, b); err != nil {
			return err
		}
	}
	m.scaleEmbedded(x)
	return nil
}

// scaleEmbedded multiplies embedded tokens, or their gradients, by √D where the architecture does. As in transformers,
// but not in llama.cpp, the factor is rounded to the type of an embedding that is stored in 16 bits.
func (m *Model) scaleEmbedded(x []float32) {
	if !m.config.Arch.EmbedScale {
		return
	}
	root := math.Sqrt(float64(m.config.Hidden))
	bits := map[compute.DType]float64{compute.BF16: 8, compute.F16: 11}[m.weights.embed.Type]
	if bits > 0 && !m.config.Arch.EmbedExact {
		fraction, exponent := math.Frexp(root)
		root = math.Ldexp(math.RoundToEven(fraction*math.Exp2(bits))/math.Exp2(bits), exponent)
	}
	m.dev.Scale(x, float32(root))
}

// descend takes work.g down through the blocks, recomputing the activations that were not kept.
func (m *Model) descend(b *Batch, some *needed) error {
	c, w, kept := m.config, &m.work, m.kept(len(b.Tokens))
	for l := c.Layers - 1; l >= max(m.lowest.layer, 0); l-- {
		s := m.stateOf(l, kept)
		if l < c.Layers-kept-1 { // the states of the others are still those of the forward pass
			s.x = w.inputs[l]
			if err := m.forward(l, s, nil, b, nil, nil); err != nil {
				return err
			}
		}
		if err := m.backward(l, s, w.g, b, m.inLast(l, some)); err != nil {
			return err
		}
	}
	if m.lowest.layer < 0 {
		m.scaleEmbedded(w.g)
	}
	if m.embed != nil {
		if err := m.embed.Backward(nil, w.g, nil, w.inputs[0], b); err != nil {
			return fmt.Errorf("%v: %w", Embed, err)
		}
	}
	if m.wants(embedName) {
		m.receiver.Embedding(embedName, w.g, b.Tokens)
	}
	return nil
}

// Logits returns the rows' logits (len(rows), V).
func (m *Model) Logits(b *Batch, rows []int) ([]float32, error) {
	if err := m.check(b); err != nil {
		return nil, err
	}
	last, err := m.blocks(b, nil, false)
	if err != nil {
		return nil, err
	}
	c, n := m.config, len(rows)
	at := make([]int32, n)
	for i, r := range rows {
		at[i] = int32(r)
	}
	x, out := make([]float32, n*c.Hidden), make([]float32, n*c.Vocab)
	m.dev.Gather(x, last, at, c.Hidden)
	m.norm(x, x, m.weights.norm, n)
	return out, m.score(out, x, b.rows(at))
}

// score computes the logits (n, V) of normed rows x, those of b.
func (m *Model) score(logits, x []float32, b *Batch) error {
	m.dev.MatMul(logits, x, m.weights.head, len(b.Tokens))
	if m.head != nil {
		if err := m.head.Forward(logits, x, b); err != nil {
			return fmt.Errorf("%v: %w", Head, err)
		}
	}
	if limit := m.config.Arch.LogitCap; limit > 0 {
		m.dev.SoftCap(logits, float32(limit))
	}
	return nil
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
		most := m.config.MaxPositions
		return fmt.Errorf("model: a sequence of %d tokens is longer than the model's %d positions", n, most)
	}
	stretched := func(w blockWeights) bool { return w.rope != nil && w.rope.stretches(b) }
	if b.shared() && slices.ContainsFunc(m.weights.blocks, stretched) {
		return errors.New("model: dynamic RoPE scaling depends on a sequence's length: beyond the original positions " +
			"sequences cannot share a prefix")
	}
	return nil
}
