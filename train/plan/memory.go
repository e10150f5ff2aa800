// Package plan estimates the memory and the disk space of a run before it begins, and finds settings that make it fit.
package plan

import (
	"fettle/adapter"
	"fettle/internal/compute"
	"fettle/model"
	"fettle/train"
)

// Base describes a base model before its weights are read.
type Base struct {
	Config *model.Config
	Stored compute.DType            // of the weights in the file
	Types  map[string]compute.DType // of those that are stored in another one, by name
	Device compute.Device
	Mapped int64 // bytes of the files that its weights lie in
}

// stored returns the type of a weight in the file.
func (b Base) stored(name string) compute.DType {
	if t, ok := b.Types[name]; ok {
		return t
	}
	return b.Stored
}

// Memory is an estimate of the peak memory of a run in bytes, by use.
type Memory struct {
	Weights     int64 `json:"weights"`     // frozen ones as the device keeps them, and the embedding
	Trainable   int64 `json:"trainable"`   // parameters, their gradients and two moments
	Activations int64 `json:"activations"` // of the largest micro-batch, kept or recomputed
	Loss        int64 `json:"loss"`        // logits of learned rows, as many as exist at one time
	Modules     int64 `json:"modules"`     // graphs and working memory of the adapter
	Data        int64 `json:"data"`
	Scratch     int64 `json:"scratch"`            // working memory of products and attention
	Program     int64 `json:"program"`            // the program itself, and garbage
	Exchange    int64 `json:"exchange,omitempty"` // buffers of a rank, where several share the run
}

// Total is the sum.
func (m Memory) Total() int64 {
	return m.Weights + m.Trainable + m.Activations + m.Loss + m.Modules + m.Data + m.Scratch + m.Program + m.Exchange
}

// Share is the memory of a rank of those that share the run.
func (m Memory) Share(s train.Sharing, trainable int) Memory {
	m.Exchange = s.Buffers(trainable)
	return m
}

// GCPercent is the setting of debug.SetGCPercent that the estimate assumes. A low one costs little time: nearly all of
// a run's memory is large arrays without pointers.
const GCPercent = 20

// Estimate adds up the memory of a run: the footprints of model, adapter and device for the largest micro-batch, with
// gradients, moments and data.
func Estimate(c train.Config, b Base, w train.Workload, tokens int) Memory {
	const float = 4
	method, specs := method(c, b.Config)
	shape := adapter.Shape(method, b.Config)
	use := model.Training{
		Rows: w.Tokens, Targets: w.Learned, Longest: w.Longest, Lowest: adapter.Lowest(specs),
		Keep: c.KeptActivations(), Loss: w.Held > 0,
	}
	for _, s := range specs {
		use.Head = use.Head || s.Head
		use.Tied = use.Tied || s.Head && s.Weight == model.EmbedSite().WeightName()
	}
	of := model.Footprint(shape, use)
	calls := model.Workload(shape, use)
	logits := compute.Workload{Logits: calls.Logits}
	calls.Logits = compute.Size{}
	m := Memory{
		Weights:     weights(c, b) + replaced(b, specs),
		Trainable:   of.Gradients + 4*float*int64(adapter.Count(specs)),
		Activations: of.Activations,
		Loss:        of.Head + b.Device.Scratch(logits),
		Modules:     method.Scratch(b.Config, w.Tokens, w.Longest, w.Sums),
		Data:        2 * float * int64(tokens),
		Scratch:     b.Device.Scratch(calls),
	}
	heap := m.Trainable + m.Activations + m.Modules + m.Data
	if use.Head { // its logits are arrays of the model
		heap += m.Loss
	}
	m.Program = program + heap*GCPercent/100
	return m
}

// program is the memory of the program itself, measured by TestPlanForeseesThePeak.
const program = 62 << 20

// replaced returns the bytes of the layouts of weights that an adapter has in place of the base's.
func replaced(b Base, specs []adapter.Spec) int64 {
	var sum int64
	whole := len(specs) > 0 && specs[0].Name == specs[0].Weight // a model's own
	for _, s := range specs {
		lookedUp := s.Site.Layer < 0 && !s.Head
		if s.Weight != "" && len(s.Shape) == 2 && !lookedUp && !whole {
			sum += b.Device.Kept(s.Shape[0], s.Shape[1], compute.F32)
		}
	}
	return sum
}

// weights returns the bytes of the frozen weights as the device keeps them, and of the embedding.
func weights(c train.Config, b Base) int64 {
	m, full := b.Config, c.Type == adapter.TypeFull
	quantization := compute.ResolveQuantization(c.Compute, c.Quantized, b.Stored)
	embed, head := model.EmbedSite().WeightName(), m.HeadSite().WeightName()
	if m.Tied {
		head = embed
	}
	kept := func(name string) compute.DType {
		if full {
			return compute.F32
		}
		return b.stored(name)
	}
	sum := b.Device.Kept(m.Vocab, m.Hidden, kept(head))
	if !m.Tied && !full {
		sum += b.stored(embed).Bytes(m.Vocab, m.Hidden)
	}
	for l := range m.Layers {
		for _, p := range model.Projections() {
			kind := kept(model.Site{Layer: l, At: p}.WeightName())
			if coarse, err := compute.ParseQuantization(quantization, kind); err == nil && !full { // else Validate refuses it
				kind = coarse
			}
			rows, columns := m.Width(p)
			sum += b.Device.Kept(rows, columns, kind)
		}
	}
	return sum
}
