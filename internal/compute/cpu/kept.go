package cpu

import "fettle/internal/compute"

// Kept is how many bytes dev, made by New, keeps an (n, k) matrix of type t in.
func Kept(dev compute.Device, n, k int, t compute.DType) int64 {
	d := dev.(*device)
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
	bytes := 4 * int64((n+panel-1)/panel) * int64(pitch((k+per-1)/per))
	switch t {
	case compute.Int8:
		bytes += 8 * int64(n+k)
	case compute.NF4:
		bytes += int64(n) * int64((k+compute.NF4Block-1)/compute.NF4Block) // magnitudes; their scales are few
	}
	return bytes
}
