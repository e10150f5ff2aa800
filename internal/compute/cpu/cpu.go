// Package cpu is the fast device for ordinary processors: weights laid out once in panels, the kernels of package
// kernel, work items spread over threads.
//
// Every element of a product is a sum of blocks of the reduction, each one chain of multiply-adds in ascending order.
// Where blocks begin depends on the length of the reduction alone, and neither tiles nor panels nor threads cut a
// chain: the bits of a row depend on that row alone.
package cpu

import (
	"fmt"
	"runtime"
	"sync"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/sharedmem"
)

// Options choose how the device computes.
type Options struct {
	Threads int // 0: GOMAXPROCS

	// Compute chooses the products with frozen weights.
	//
	//	f32   exactly as stored, in float32
	//	bf16  both factors rounded to bfloat16, sums in float32
	//	int8  Int8 weights times the other factor rounded to eight bits row by row, exactly; weights in blocks and NF4
	//	      in codes, see inCodes; other weights as auto
	//	auto  (the default) bf16 where that is faster than f32 on this processor, else f32
	//
	// All else, products of trainable arrays too, is float32.
	Compute string

	// Stored keeps even small matrices as they are stored, instead of float32: for tests, whose matrices are small.
	Stored bool

	// Shared, if not nil, holds the layouts of frozen weights together with other processes: those that are prepared
	// while it is being filled, or read.
	Shared *sharedmem.Memory

	// Level forces a lower level of the processor's instructions, for tests and comparisons; "" is $FETTLE_CPU if set,
	// else the best.
	Level string
}

type device struct {
	core           kernel.Level
	threads        int
	bf16           bool // compute bf16, of pairs
	rounds         bool // compute bf16 in float32
	int8           bool // compute int8
	widenUpTo      int  // see keepFloat32UpTo
	amxSums        int  // see amxSums
	free           *pool
	rowWorks       *sync.Pool        // of *rowWork
	attentionWorks *sync.Pool        // of *attentionWork
	backs          *sync.Pool        // of *back
	packs          *sync.Pool        // of *kernel.Pack
	unpackers      *sync.Pool        // of *unpacker
	arena          *kernel.Arena     // of weights
	shared         *sharedmem.Memory // of weights; nil: they are this process's own
	crew           *crew
}

// New returns a device for this machine's processor.
func New(o Options) (compute.Device, error) {
	l, err := kernel.Choose(o.Level)
	if err != nil {
		return nil, err
	}
	d := &device{
		core: l, threads: o.Threads, free: &pool{}, arena: &kernel.Arena{}, shared: o.Shared,
		rowWorks: &sync.Pool{}, attentionWorks: &sync.Pool{}, backs: &sync.Pool{},
		packs:     &sync.Pool{New: func() any { return new(kernel.Pack) }},
		unpackers: &sync.Pool{New: func() any { return new(unpacker) }},
		crew:      &crew{},
	}
	d.widenUpTo, d.amxSums = keepFloat32UpTo, amxSums
	if o.Stored {
		d.widenUpTo = 0
	}
	switch o.Compute {
	case "", compute.ModeAuto:
		d.bf16 = l.Auto
	case compute.ModeBF16:
		d.bf16, d.rounds = l.BF16, !l.BF16
	case compute.ModeInt8:
		d.bf16, d.int8 = l.Auto, true
	case compute.ModeF32:
	default:
		return nil, fmt.Errorf("cpu: unknown compute %q, want auto, f32, bf16 or int8", o.Compute)
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("cpu: %d threads, want 0 (all) or more", o.Threads)
	}
	if o.Threads == 0 {
		d.threads = runtime.GOMAXPROCS(0)
	}
	return d, nil
}

func (d *device) Name() string {
	mode := compute.ModeF32
	switch {
	case d.int8:
		mode = compute.ModeInt8
	case d.bf16 || d.rounds:
		mode = compute.ModeBF16
	}
	return "cpu " + mode + " " + d.core.Name
}
