package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Kept: whole panels of words, beside scales and sums of quantized weights.
func (d *device) Kept(n, k int, t compute.DType) int64 {
	if of, ok := t.Block(); ok {
		return kernel.InRegions(4 * int64(upTo(n, panel)) * int64(pitch((lines(of, k)+1)/2)))
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
	bytes := kernel.InRegions(4 * int64(upTo(n, panel)) * int64(pitch(upTo(k, per))))
	switch t {
	case compute.Int8:
		bytes += 8 * int64(n+k)
	case compute.NF4:
		bytes += int64(upTo(n, panel)*panel) * int64(upTo(k, compute.NF4Block)) // magnitudes; their scales are few
	}
	return bytes
}
