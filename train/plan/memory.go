// Package plan estimates what a run takes before it begins: memory and disk, and the settings that would make it fit.
package plan

import (
	"slices"

	"fettle/internal/compute"
	"fettle/model"
	"fettle/train"
)

// Base is what is known of a base before its weights are read.
type Base struct {
	Shape  *model.Config
	Stored int // bytes of a number as it lies in the file; 0: the weights are drawn

	// Kept is how many bytes the device keeps an (n, k) matrix in: as stored,
	// quantised as the run asks, or in float32.
	Kept func(n, k int, as Kind) int64
}

// Kind is how a matrix is kept.
type Kind string

// The kinds beside quantization's int8 and nf4.
const (
	AsStored Kind = compute.NotQuantized
	Float32  Kind = "float32"
)

// Memory is the memory that a run needs, in bytes, by what needs it.
type Memory struct {
	Weights     int64 `json:"weights"`     // as the device keeps them, and the embedding
	Trainable   int64 `json:"trainable"`   // with gradients and two moments
	Activations int64 `json:"activations"` // of the largest micro-batch, kept or recomputed
	Loss        int64 `json:"loss"`        // logits of a chunk of learned rows
	Modules     int64 `json:"modules"`     // graphs and scratch of the adapter
	Data        int64 `json:"data"`
	Scratch     int64 `json:"scratch"` // of products
	Program     int64 `json:"program"` // with what its memory management leaves unused
}

// Total is the peak.
func (f Memory) Total() int64 {
	return f.Weights + f.Trainable + f.Activations + f.Loss + f.Modules + f.Data + f.Scratch + f.Program
}

// GCPercent is the setting of debug.SetGCPercent that the estimate assumes. A low one costs little time: nearly all of
// a run's memory is large arrays without pointers.
const GCPercent = 20

// Trainables counts the numbers that a run trains.
func Trainables(c train.Config, m *model.Config) int {
	switch c.Type {
	case "full":
		return m.Parameters()
	case "llama-adapter":
		return c.PromptLayers * (c.PromptLen*m.Hidden + m.Heads)
	}
	n := 0
	for _, p := range loraPlaces(c) {
		out, in := m.Width(p)
		n += m.Layers * c.LoRARank * (in + out)
	}
	return n
}

// loraPlaces are the projections with a module.
func loraPlaces(c train.Config) []model.Place {
	var places []model.Place
	all := len(c.LoRATargets) == 1 && (c.LoRATargets[0] == "all-linear" || c.LoRATargets[0] == "all")
	for _, p := range model.Places() {
		if p != model.Attention && (all || slices.Contains(c.LoRATargets, p.String())) {
			places = append(places, p)
		}
	}
	return places
}

// Estimate adds up a run's memory: what is allocated by model, adapter and train
// for the largest micro-batch, in float32 where it is not a frozen weight.
func Estimate(c train.Config, b Base, w train.Workload, tokens int) Memory {
	const number = 4
	m, full := b.Shape, c.Type == "full"
	n, d, f := int64(w.Tokens), int64(m.Hidden), int64(m.Intermediate)
	q, kv := int64(m.Heads*m.HeadDim), int64(m.KVHeads*m.HeadDim)
	p := int64(Trainables(c, m))
	var out Memory

	kind := Kind(compute.ResolveQuantization(c.Compute, c.Quantized))
	head := AsStored
	if full {
		kind, head = Float32, Float32
	}
	for _, place := range model.Places() {
		if place != model.Attention {
			rows, columns := m.Width(place)
			out.Weights += int64(m.Layers) * b.Kept(rows, columns, kind)
		}
	}
	out.Weights += b.Kept(m.Vocab, m.Hidden, head)
	if !m.Tied && !full {
		out.Weights += int64(m.Vocab) * d * int64(b.Stored)
	}
	if full && m.Tied {
		out.Trainable += number * int64(m.Vocab) * d // the head's part of the gradient
	}
	out.Trainable += 4 * number * p

	learning := int64(m.Layers) // layers whose inputs are kept
	if c.Type == "llama-adapter" {
		learning = int64(c.PromptLayers)
	}
	state := 5*d + 3*q + 2*kv + 3*f // model's state of a row
	kept := min(c.KeptActivations()/(number*state*max(n, 1)), learning)
	states := kept
	if kept < int64(m.Layers) || w.Held > 0 {
		states++ // shared by the other blocks, and used by evaluations
	}
	out.Activations = number * n * (states*state + (learning+2)*d + 3*d + 3*f + 2*q + 2*kv)

	t := int64(w.Learned)
	most := max(16, 1<<24/int64(m.Vocab)) // rows with logits at one time, in chunks alike
	chunks := max(1, (t+most-1)/most)
	logits, factor := (t+chunks-1)/chunks, min(int64(m.Vocab), 63*32)
	if full {
		logits, factor = min(t, int64(w.Longest)), int64(m.Vocab)
	}
	out.Loss = number * (4*t*d + logits*int64(m.Vocab))

	rows := min(n, 544) // of the packed factor of a product
	out.Scratch = number * (rows*(d+f+q) + min(logits, rows)*factor)
	out.Scratch += number * int64(w.Longest) * (2*q + 3*kv) // layouts of a sequence for attention

	switch c.Type {
	case "lora":
		widths := map[[2]int]bool{}
		for _, place := range loraPlaces(c) {
			w, in := m.Width(place)
			widths[[2]int{in, w}] = true
			each := n * int64(c.LoRARank)
			if c.LoRADropout > 0 {
				each += 2 * n * int64(in) // it grows with the sequences, and leaves what was too small
			}
			out.Modules += number * int64(m.Layers) * each
		}
		for w := range widths {
			out.Modules += number * n * int64(w[0]+2*c.LoRARank)
		}
	case "llama-adapter":
		out.Modules = number * n * (int64(m.Heads*4*c.PromptLen) + 2*q)
	}
	out.Data = int64(tokens) * 2 * number
	heap := out.Trainable + out.Activations + out.Modules + out.Data
	if full {
		heap += out.Loss
	}
	out.Program = 62<<20 + heap*GCPercent/100 // measured: TestPlanForeseesThePeak
	return out
}
