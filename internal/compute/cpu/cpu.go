// Package cpu is the fast device for ordinary processors: packed panels,
// register tiles, fixed work items spread over threads.
//
// Every element of a product is one chain of multiply-adds in ascending order
// of the reduction index. Neither tiles nor blocks nor threads cut that chain,
// so the bits of a row depend on that row alone.
package cpu

import (
	"fmt"
	"runtime"

	"fettle/internal/compute"
)

// Options choose how the device computes.
type Options struct {
	Threads int    // 0: GOMAXPROCS
	Compute string // "auto" (the default) or "f32"
}

type device struct {
	threads int
	free    pool
}

// New is a device for this machine's processor.
func New(o Options) (compute.Device, error) {
	switch o.Compute {
	case "", "auto", "f32":
	default:
		return nil, fmt.Errorf("cpu: unknown compute %q, want auto or f32", o.Compute)
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("cpu: %d threads, want 0 (all) or more", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return &device{threads: o.Threads}, nil
}

func (d *device) Name() string { return "cpu f32" }

// Prepare keeps the matrix as it is.
func (d *device) Prepare(*compute.Matrix) error { return nil }
