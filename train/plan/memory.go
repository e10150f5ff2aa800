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
	Beside int64 // bytes of the files that a run keeps for its result
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
	Others      int64 `json:"others,omitempty"`   // of ranks on the machine, which share the weights' pages
}

// Total is the sum.
func (m Memory) Total() int64 {
	return m.Weights + m.Trainable + m.Activations + m.Loss + m.Modules + m.Data + m.Scratch + m.Program + m.Exchange +
		m.Others
}

// Share is the memory of a rank of those that share the run.
func (m Memory) Share(s train.Sharing, trainable int) Memory {
	m.Exchange = s.Buffers(trainable)
	return m
}

// Together is the memory of n ranks on one machine, of which one has m and the others share the pages of its weights.
func (m Memory) Together(n int) Memory {
	m.Others = int64(max(n-1, 0)) * (m.Total() - m.Weights)
	return m
}

// Reading is the memory of a rank that shares the pages of another's weights, which count there.
func (m Memory) Reading() Memory {
	m.Weights = 0
	return m
}

// GCPercent is the setting of debug.SetGCPercent for models that load or answer. A low one costs little time: nearly
// all of the memory is large arrays without pointers.
const GCPercent = 20

// GCPercent returns the setting of debug.SetGCPercent for a run with such arrays: one that leaves about 8 MiB of
// garbage, or a hundredth of the heap.
func (m Memory) GCPercent() int {
	const garbage = 8 << 20
	heap := m.Trainable + m.Activations + m.Loss + m.Modules + m.Data
	return int(min(GCPercent, max(1, garbage*100/max(heap, 1))))
}

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
		use.Attention = use.Attention || s.Site.At == model.Attention
		use.Head = use.Head || s.Head
		use.Tied = use.Tied || s.Head && s.Weight == model.EmbedSite().WeightName()
	}
	of := model.Footprint(shape, use)
	calls := model.Workload(shape, use)
	calls.Type = projection(c, b, model.Site{At: model.QProj})
	scratch := b.Device.Scratch(calls)
	calls.Logits = compute.Size{}
	m := Memory{
		Weights:     weights(c, b) + replaced(b, specs),
		Trainable:   of.Gradients + 4*float*int64(adapter.Count(specs)),
		Activations: of.Activations,
		Loss:        of.Head + scratch - b.Device.Scratch(calls),
		Modules:     method.Scratch(b.Config, w.Tokens, w.Longest, w.Sums),
		Data:        2 * float * int64(tokens),
		Scratch:     b.Device.Scratch(calls),
	}
	heap, tokenizer := m.Trainable+m.Activations+m.Modules+m.Data+of.Head, perToken*int64(b.Config.Vocab)
	m.Program = program + tokenizer + b.Beside + (program/4+tokenizer+b.Beside+heap)*int64(m.GCPercent())/100
	return m
}

// program is the memory of the program itself, a quarter of it on the heap, measured by TestPlanForeseesThePeak.
const program = 41 << 20

// perToken is what a token of the vocabulary takes in the tokenizer: 110 to 200 bytes in those of LLaMA 1 to 3.
const perToken = 200

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
	embed, head := model.EmbedSite().WeightName(), m.HeadSite().WeightName()
	if m.Tied {
		head = embed
	}
	kind := b.stored(head)
	if full {
		kind = compute.F32
	}
	sum := b.Device.Kept(m.Vocab, m.Hidden, kind)
	if !m.Tied && !full {
		sum += b.stored(embed).Bytes(m.Vocab, m.Hidden)
	}
	for l := range m.Layers {
		for _, p := range model.Projections() {
			rows, columns := m.Width(p)
			sum += b.Device.Kept(rows, columns, projection(c, b, model.Site{Layer: l, At: p}))
		}
	}
	return sum
}

// projection returns the type that the weight at a site is prepared from.
func projection(c train.Config, b Base, at model.Site) compute.DType {
	if c.Type == adapter.TypeFull {
		return compute.F32
	}
	stored := b.stored(at.WeightName())
	coarse, err := compute.ParseQuantization(compute.ResolveQuantization(c.Compute, c.Quantized, b.Stored), stored)
	if err != nil { // Validate refuses it
		return stored
	}
	return coarse
}
