package model

import "fettle/internal/compute"

// work holds a view's working memory, reused from call to call; it grows to the largest batch.
type work struct {
	gradients
	states []*state    // the first is shared by the blocks that keep none
	inputs [][]float32 // (n, D) by layer
	g      []float32   // (n, D) gradient of a block's output
	head   headState
}

// Reserve takes the memory for batches of up to n rows with so many targets at once, as growing to it piece by piece
// takes twice as much. From then on, how many blocks keep their activations depends on n, not on each batch's rows.
func (m *Model) Reserve(n, targets int) {
	m.reserved = n
	m.eachArray(n, false, func(a *[]float32, size int) { compute.Resize(a, size) })
	for _, a := range m.work.head.arrays(m.config) {
		compute.Resize(a.data, targets*a.width)
	}
}

// eachArray visits the arrays that Gradients uses in the blocks for batches of n rows, with their lengths, and the one
// more that Loss and Decode use where all blocks keep their activations.
func (m *Model) eachArray(n int, loss bool, visit func(a *[]float32, size int)) {
	c, w, kept := m.config, &m.work, m.kept(n)
	for l := -1; l < c.Layers; l++ {
		if l >= c.Layers-kept || (l < 0 && (loss || kept < c.Layers)) {
			visit(&m.stateOf(l, kept).slab, n*stateFloats(c, m.adapts))
		}
	}
	for l := range c.Layers + 1 {
		if l == m.inputOf(l, true) {
			visit(m.input(l, true), n*c.Hidden)
		}
	}
	visit(&w.g, n*c.Hidden)
	for _, a := range w.gradients.arrays(c) {
		visit(a.data, n*a.width)
	}
}

// kept returns how many blocks, from the top, keep their activations of n rows between the passes. Blocks below the
// lowest trained one never need theirs again.
func (m *Model) kept(n int) int {
	each := 4 * int64(max(n, m.reserved)) * int64(stateFloats(m.config, m.adapts))
	return int(min(m.keep/max(each, 1), int64(m.config.Layers-max(m.lowest.layer, 0))))
}

// stateOf returns the state that block l computes in: one of its own for the top kept blocks, else the shared one.
func (m *Model) stateOf(l, kept int) *state {
	i := max(l-(m.config.Layers-kept)+1, 0)
	for len(m.work.states) <= i {
		m.work.states = append(m.work.states, &state{})
	}
	return m.work.states[i]
}

// input returns the array of block l's input; for l = L, of the last block's output.
func (m *Model) input(l int, learn bool) *[]float32 {
	for len(m.work.inputs) <= m.config.Layers {
		m.work.inputs = append(m.work.inputs, nil)
	}
	return &m.work.inputs[m.inputOf(l, learn)]
}

// inputOf returns the layer whose array holds block l's input: its own if the backward pass reaches the block.
func (m *Model) inputOf(l int, learn bool) int {
	if !learn || l < m.lowest.layer {
		return 0
	}
	return l
}

// Training describes the largest passes of a training run, for Footprint and Workload.
type Training struct {
	Rows      int   // of the largest micro-batch
	Targets   int   // of the micro-batch with the most
	Longest   int   // tokens of the longest sequence
	Lowest    int   // the lowest layer in which something is trained; −1: the embedding
	Attention bool  // a delta adapts attention
	Head      bool  // the head is adapted, or its weight trained
	Tied      bool  // the weight of a tied embedding and head is trained
	Keep      int64 // bytes, as Model.Keep takes
	Loss      bool  // Loss is called as well
}

// Memory counts the bytes that a model allocates beside its weights.
type Memory struct {
	Activations int64 // of the blocks, kept or recomputed, with their inputs and gradients
	Head        int64 // rows with a target, and their logits where the head is adapted or trained
	Gradients   int64 // of weights, beside the arrays that Unfrozen.Weights lists
}

// Footprint computes the memory that Gradients and Loss take for a training run on a model of these dimensions. It is
// summed over the same lists of arrays that the passes allocate.
func Footprint(c *Config, t Training) Memory {
	const float = 4
	m := &Model{config: c, keep: t.Keep, lowest: depth{layer: t.Lowest}, adapts: t.Attention}
	var sum Memory
	sum.Head += float * int64(logitRows(c, t)) * int64(c.Vocab)
	if c.Arch.LogitCap > 0 {
		sum.Head *= 2
	}
	if t.Tied {
		sum.Gradients = float * int64(c.Vocab) * int64(c.Hidden)
	}
	m.eachArray(t.Rows, t.Loss, func(_ *[]float32, size int) { sum.Activations += float * int64(size) })
	for _, a := range m.work.head.arrays(c) {
		sum.Head += float * int64(t.Targets) * int64(a.width)
	}
	return sum
}

// logitRows returns how many rows of logits exist at one time beside those in the device: of a segment where
// Training.Head is set, of a part of one where logits are capped.
func logitRows(c *Config, t Training) int {
	switch {
	case t.Head:
		return min(t.Targets, t.Longest)
	case c.Arch.LogitCap > 0:
		return min(t.Targets, t.Longest, cappedRows)
	}
	return 0
}

// Workload lists the largest calls that the passes of a training run make of a device, for its Scratch.
func Workload(c *Config, t Training) compute.Workload {
	w := compute.Workload{
		Inputs: []compute.Size{
			{Rows: t.Rows, Width: c.Hidden}, {Rows: t.Rows, Width: c.Intermediate},
			{Rows: t.Rows, Width: c.Heads * c.HeadDim},
		},
		Attention: c.attention(0), Longest: t.Longest, Logits: compute.Size{Rows: t.Targets, Width: c.Vocab},
	}
	if rows := logitRows(c, t); rows > 0 { // the head's products are plain ones
		w.Inputs = append(w.Inputs, compute.Size{Rows: rows, Width: c.Vocab})
		w.Logits = compute.Size{}
	}
	return w
}

// Decoding computes the bytes that a Session takes for a sequence of so many tokens, and lists the largest calls that
// it makes of a device.
func Decoding(c *Config, tokens int) (bytes int64, calls compute.Workload) {
	const float = 4
	rows := min(tokens, prefillRows)
	wide := (c.HeadDim + 31) / 32 * 32 // of values, where a device keeps them in whole panels
	cached := int64(tokens) * int64(c.Layers*c.KVHeads*(c.HeadDim+wide))
	working := int64(rows)*int64(stateFloats(c, true)+c.Hidden) + int64(c.Vocab)
	bytes = float * (cached + int64(tokens)*int64(c.rotary()) + working)
	calls = Workload(c, Training{Rows: rows, Longest: rows})
	calls.Past = tokens - rows
	return bytes, calls
}
