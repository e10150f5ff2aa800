package model

import "fmt"

// Place is where inside a block an adapter may act.
type Place uint8

// The places of a block. The seven projections turn x, the projection's
// input, into y. At Attention, x are the rotated queries (n, H·Dh) and y the
// heads' outputs (n, H·Dh) before o_proj.
const (
	QProj Place = iota
	KProj
	VProj
	OProj
	GateProj
	UpProj
	DownProj
	Attention
	numPlaces
)

var placeNames = [numPlaces]string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "attention"}

// String is the Hugging Face name of the place.
func (p Place) String() string { return placeNames[p] }

// Places lists every place, in the order a block meets them.
func Places() []Place {
	return []Place{QProj, KProj, VProj, Attention, OProj, GateProj, UpProj, DownProj}
}

// Site is one place in one layer.
type Site struct {
	Layer int
	At    Place
}

func (s Site) String() string { return fmt.Sprintf("layers.%d.%s", s.Layer, s.At) }

// Delta changes the network at one site. Both methods treat the rows of b
// segment by segment, so that results do not depend on how sequences are
// packed or split into micro-batches.
type Delta interface {
	// Forward turns y, the frozen output, into the adapted output in place,
	// given the rows x that made it.
	Forward(y, x []float32, b *Batch) error

	// Backward turns dy, the gradient of the adapted output, into the gradient
	// of the frozen output in place (most deltas add to y and leave dy as it
	// is), adds the delta's own ∂/∂x to dx, and accumulates the gradients of
	// its parameters. dx is nil where nothing below needs it. y is the adapted
	// output.
	Backward(dx, dy, x, y []float32, b *Batch) error
}
