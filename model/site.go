package model

import (
	"fmt"
	"slices"
)

// Place names a point of the network where an adapter may act.
type Place uint8

// The places of a block. The seven projections turn x, the projection's input, into y. At Attention, x are the rotated
// queries (n, H·Dh) and y the heads' outputs (n, H·Dh) before o_proj.
const (
	QProj Place = iota
	KProj
	VProj
	OProj
	GateProj
	UpProj
	DownProj
	Attention
	numPlaces // of a block
)

// The places outside the blocks. At Embed, x is nil and y holds the embedded tokens (n, D). At Head, x holds the normed
// rows with a target and y their logits (n, V); Backward is not given y there.
const (
	Embed Place = numPlaces + iota
	Head
)

// places lists the Hugging Face names of each place, and of its module inside a layer or the model.
var places = [...]struct{ name, module string }{
	QProj: {"q_proj", "self_attn.q_proj"}, KProj: {"k_proj", "self_attn.k_proj"}, VProj: {"v_proj", "self_attn.v_proj"},
	OProj: {"o_proj", "self_attn.o_proj"}, GateProj: {"gate_proj", "mlp.gate_proj"}, UpProj: {"up_proj", "mlp.up_proj"},
	DownProj: {"down_proj", "mlp.down_proj"}, Attention: {"attention", "self_attn"},
	Embed: {"embed_tokens", "model.embed_tokens"}, Head: {"lm_head", "lm_head"},
}

// String returns the Hugging Face name of the place.
func (p Place) String() string { return places[p].name }

// Projections lists the seven linear maps of a block: q, k, v, o, gate, up, down.
func Projections() []Place {
	all := make([]Place, Attention)
	for i := range all {
		all[i] = Place(i)
	}
	return all
}

// Places lists every place of a block in the order of the forward pass: the projections, and Attention before OProj.
func Places() []Place { return slices.Insert(Projections(), int(OProj), Attention) }

// Site names one place in one layer, or a place outside the layers: see EmbedSite and HeadSite.
type Site struct {
	Layer int
	At    Place
}

// EmbedSite returns the site of the embedding, below layer 0.
func EmbedSite() Site { return Site{-1, Embed} }

// HeadSite returns the site of the head, above the last layer.
func (c *Config) HeadSite() Site { return Site{c.Layers, Head} }

func (s Site) String() string {
	if s.At > numPlaces-1 {
		return s.At.String()
	}
	return fmt.Sprintf("layers.%d.%s", s.Layer, s.At)
}

// ModuleName returns the Hugging Face path of the module at a site, e.g. "model.layers.3.self_attn.q_proj"; at
// Attention it is "….self_attn".
func (s Site) ModuleName() string {
	if s.At > numPlaces-1 {
		return places[s.At].module
	}
	return fmt.Sprintf("model.layers.%d.%s", s.Layer, places[s.At].module)
}

// Delta changes the network at one site. Both methods treat the rows of b segment by segment, so that results do not
// depend on how sequences are packed or split into micro-batches.
type Delta interface {
	// Forward turns y, the frozen output, into the adapted output in place, given the rows x that made it.
	Forward(y, x []float32, b *Batch) error

	// Backward turns dy, the gradient of the adapted output, into the gradient of the frozen output in place (most
	// deltas add to y and leave dy unchanged), adds the delta's own ∂/∂x to dx, and accumulates the gradients of its
	// parameters. dx is nil where nothing below needs it. y is the adapted output.
	Backward(dx, dy, x, y []float32, b *Batch) error
}
