// Package ref is the plain device: loops a reader can check, sums in float64, one rounding to float32 at the end of
// each. It judges every other device. Where the order of operations is part of an operation (AdamW, ScatterAdd and
// their like) its loops are that order.
package ref

import "fettle/internal/compute"

type device struct{}

// New returns the plain device. It has no state.
func New() compute.Device { return device{} }

func (device) Name() string { return "ref" }

// Prepare keeps the matrix as it is.
func (device) Prepare(*compute.Matrix) error { return nil }
