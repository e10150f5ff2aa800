package ref

import "fettle/internal/compute"

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

// AttendCached: Attend of the rows of the cache.
func (d device) AttendCached(out, q []float32, cached compute.Cache, n int, a compute.Attention) {
	c := cached.(*cache)
	d.Attend(out, q, c.k, c.v, []compute.Segment{{Len: n, Past: len(c.k)/c.width - n}}, a)
}
