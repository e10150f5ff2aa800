// Package model implements a frozen LLaMA: it loads a directory or file, runs forward and backward, down to the
// lowest adapted site, and decodes with cached keys and values. Touvron et al. 2023, arXiv:2302.13971.
//
// The model is independent of the kind of adapter: an adapter is a Delta at each of some named Sites. Gradients of the
// model's own weights go to a WeightGradients.
package model

import (
	"fmt"
	"maps"
	"slices"

	"fettle/internal/checkpoint"
	"fettle/internal/compute"
)

// Model is a view of a frozen LLaMA: all views share the weights, but for those of Own, and each has deltas and working
// memory of its own. A view serves one goroutine at a time.
type Model struct {
	loaded  *Model // the model that this is a view of; nil: itself
	config  *Config
	dev     compute.Device
	weights *weights
	deltas  [][numPlaces]Delta // by layer; nil in a bare model
	embed   Delta              // of the embedding; nil for none
	head    Delta
	adapts  bool  // a delta adapts attention
	lowest  depth // where the backward pass ends
	keep    int64 // bytes of activations to keep between the passes

	receiver WeightGradients // of the wanted weights' gradients
	wanted   map[string]bool // names; empty while the weights are frozen

	reserved int // rows that Reserve made room for
	work     work
}

// Load reads the model in a directory or file, as Open takes it, for a device. The weights stay memory-mapped, unless
// the device keeps them in a layout of its own.
func Load(path string, dev compute.Device) (*Model, error) { return LoadAs(path, dev, "none") }

// LoadAs is Load with the projections of the blocks quantized to int8 or nf4 one by one as they are read, or not at all
// (none). Embedding and head stay as stored. Dettmers et al. 2023, arXiv:2305.14314.
func LoadAs(path string, dev compute.Device, quantization string) (*Model, error) {
	s, err := Open(path)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	return s.Load(dev, quantization)
}

// Load is LoadAs for a source that is open.
func (s *Source) Load(dev compute.Device, quantization string) (*Model, error) {
	m, err := build(s.Config, s.Tensors, dev, quantization, release)
	if err != nil {
		return nil, fmt.Errorf("load model %s: %w", s.Path, err)
	}
	return m, nil
}

// New makes a model of tensors with Hugging Face names. Their data must not change while the model is in use.
func New(c *Config, tensors map[string]checkpoint.Tensor, dev compute.Device) (*Model, error) {
	return NewAs(c, tensors, dev, "none")
}

// NewAs is New, quantized as LoadAs does.
func NewAs(c *Config, tensors map[string]checkpoint.Tensor, dev compute.Device, quantization string) (*Model, error) {
	return build(c, tensors, dev, quantization, nil)
}

// releaser returns a function to call when a device no longer needs a tensor's data.
type releaser func(data []byte) func()

// of returns a function that releases a tensor's data or parts, nil where there is nothing to release.
func (r releaser) of(t checkpoint.Tensor) func() {
	var all []func()
	for _, p := range append([]checkpoint.Tensor{t}, t.Parts...) {
		if p.Own || p.Data == nil {
			continue
		}
		if done := r(p.Data); done != nil {
			all = append(all, done)
		}
	}
	if all == nil {
		return nil
	}
	return func() {
		for _, done := range all {
			done()
		}
	}
}

// build is NewAs with a releaser, which may be nil.
func build(
	c *Config, tensors map[string]checkpoint.Tensor, dev compute.Device, quantization string, release releaser,
) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	own := *c
	own.EOS = slices.Clone(c.EOS)
	w, err := newWeights(&own, maps.Clone(tensors), release)
	if err != nil {
		return nil, err
	}
	if err := w.prepare(dev, quantization); err != nil {
		return nil, err
	}
	return (&Model{config: &own, dev: dev, weights: w}).With(nil), nil
}

// With returns a view with the deltas that delta gives for the sites; a nil result, or a nil delta, leaves a site
// unchanged.
func (m *Model) With(delta func(Site) Delta) *Model {
	view := &Model{
		loaded: m.origin(), config: m.config, dev: m.dev, weights: m.weights, keep: m.keep, receiver: m.receiver,
		wanted: m.wanted,
	}
	if delta != nil {
		view.embed, view.head = delta(EmbedSite()), delta(m.config.HeadSite())
		view.deltas = make([][numPlaces]Delta, m.config.Layers)
		for l := range view.deltas {
			for _, p := range Places() {
				view.deltas[l][p] = delta(Site{l, p})
			}
			view.adapts = view.adapts || view.deltas[l][Attention] != nil
		}
	}
	view.lowest = view.findLowest()
	return view
}

// Bare returns a view of the model as it was loaded, without deltas and without weights of Own.
func (m *Model) Bare() *Model { return m.origin().With(nil) }

func (m *Model) origin() *Model {
	if m.loaded != nil {
		return m.loaded
	}
	return m
}

// Keep lets Gradients keep up to this many bytes of activations between the forward and the backward pass instead of
// recomputing them. The results are the same bits either way.
func (m *Model) Keep(bytes int64) { m.keep = bytes }

// Config returns the model's dimensions; do not change them.
func (m *Model) Config() *Config { return m.config }

// Device returns the device that computes for the model.
func (m *Model) Device() compute.Device { return m.dev }

// Weight returns the frozen weight at a site other than Attention.
func (m *Model) Weight(s Site) *compute.Matrix {
	switch s.At {
	case Embed:
		return m.weights.embed
	case Head:
		return m.weights.head
	}
	return m.weights.blocks[s.Layer].proj[s.At]
}

// Bias returns the frozen bias of the projection at a site, nil for none.
func (m *Model) Bias(s Site) []float32 { return m.weights.blocks[s.Layer].bias[s.At] }

// Fingerprint identifies a base: the SHA-256 of its dimensions, of its Arch, and of every tensor's name, shape, type,
// size, and first and last 4 KiB. It reads little of a large file; models that differ only between those ends have the
// same one.
func (m *Model) Fingerprint() string { return m.weights.fingerprint }

// Content is the SHA-256 of the fingerprint and of all bytes of all weights. The first call reads those that lie in
// mapped files.
func (m *Model) Content() string { return m.weights.content.sum(m.weights.fingerprint) }

func (m *Model) delta(l int, p Place) Delta {
	if m.deltas == nil {
		return nil
	}
	return m.deltas[l][p]
}

// attention describes the heads of layer l.
func (c *Config) attention(l int) compute.Attention {
	return compute.Attention{
		Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Scale: c.scale(), Cap: float32(c.Arch.ScoreCap),
		Window: c.Window(l),
	}
}
