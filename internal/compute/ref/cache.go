package ref

import (
	"slices"

	"fettle/internal/compute"
)

// cache holds rows of keys and values as they are.
type cache struct {
	width int // G·Dh
	k, v  []float32
}

func (device) NewCache(a compute.Attention) compute.Cache {
	return &cache{width: a.KVHeads * a.HeadDim}
}

func (c *cache) Append(k, v []float32, at, n int) {
	c.k = append(c.k[:at*c.width], k[:n*c.width]...)
	c.v = append(c.v[:at*c.width], v[:n*c.width]...)
}

func (c *cache) Reserve(n int) {
	c.k = slices.Grow(c.k, max(0, n*c.width-len(c.k)))
	c.v = slices.Grow(c.v, max(0, n*c.width-len(c.v)))
}

// AttendCached: Attend of the rows of the cache.
func (d device) AttendCached(out, q []float32, cached compute.Cache, n int, a compute.Attention) {
	c := cached.(*cache)
	d.Attend(out, q, c.k, c.v, []compute.Segment{{Len: n, Past: len(c.k)/c.width - n}}, a)
}
