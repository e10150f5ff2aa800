package cpu

import (
	"fettle/internal/compute"
)

// Kept: whole panels of words, beside scales and sums of quantized weights.
func (d *device) Kept(n, k int, t compute.DType) int64 {
	if of, ok := t.Block(); ok {
		return 4 * int64((n+panel-1)/panel) * int64(pitch((lines(of, k)+1)/2))
	}
	per := 1
	switch t {
	case compute.Int8:
		per = 4
	case compute.NF4:
		per = 8
	default:
		w := panels{kind: d.kind(&compute.Matrix{N: n, K: k, Type: t})}
		per = w.per()
	}
	bytes := 4 * int64((n+panel-1)/panel) * int64(pitch((k+per-1)/per))
	switch t {
	case compute.Int8:
		bytes += 8 * int64(n+k)
	case compute.NF4:
		bytes += int64(n) * int64((k+compute.NF4Block-1)/compute.NF4Block) // magnitudes; their scales are few
	}
	return bytes
}

// Scratch: the packed other factor of products, logits of a chunk with their packed vocabulary block, and
// the layouts of q, k, v and their gradients of one segment, and of what it sees in a cache, with the scores.
func (d *device) Scratch(w compute.Workload) int64 {
	const word = 4
	words := 0
	for _, in := range w.Inputs {
		words += min(in.Rows, rowsAtOnce) * in.Width
	}
	if w.Logits.Rows > 0 {
		chunks := lossChunks(w.Logits.Rows, w.Logits.Width)
		rows := (w.Logits.Rows + chunks - 1) / chunks
		words += rows*w.Logits.Width + min(rows, rowsAtOnce)*min(w.Logits.Width, vocabBlock)
	}
	q, kv := w.Attention.Heads*w.Attention.HeadDim, w.Attention.KVHeads*w.Attention.HeadDim
	words += w.Longest * (2*q + 3*kv)
	if w.Past > 0 { // values of sequences that grow, of which the pool keeps the shorter layouts too, and scores
		words += 2*w.Past*kv + d.threads*d.blockRows()*(w.Past+w.Longest)
	}
	return word * int64(words)
}
