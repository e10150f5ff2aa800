package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// cache holds values in rows, and keys transposed as attention reads them, so that no key is transposed twice:
// (panels, key heads, Dh, 32).
type cache struct {
	*device
	h            heads
	rows         int
	keys, values []float32
}

func (d *device) NewCache(a compute.Attention) compute.Cache {
	if d.tiled() {
		c := &pairCache{device: d, h: newHeads(a)}
		c.keys, c.values = newPairPanels(&c.h), newPairPanels(&c.h)
		return c
	}
	return &cache{device: d, h: newHeads(a)}
}

func (c *cache) Append(k, v []float32, at, n int) {
	compute.Need(len(k), n*c.h.kw)
	compute.Need(len(v), n*c.h.kw)
	compute.Need(c.rows, at)
	c.rows = at + n
	extend(&c.keys, upTo(c.rows, panel)*panel*c.h.kw)
	extend(&c.values, c.rows*c.h.kw)
	c.Copy(c.values[at*c.h.kw:], v)
	panels := c.panels()
	c.each(c.h.KVHeads, func(head int) {
		for lo := at; lo < c.rows; {
			hi := min(c.rows, lo/16*16+16)
			c.core.PackF32(&kernel.Pack{
				Dst: kernel.Words(panels.at(head, lo/panel)[lo%panel:]), LDD: panel,
				Src: kernel.Words(k[(lo-at)*c.h.kw+head*c.h.HeadDim:]), LDS: c.h.kw, Rows: hi - lo, Cols: c.h.HeadDim,
			})
			lo = hi
		}
	})
}

func (c *cache) panels() keyPanels {
	return keyPanels{c.keys, c.h.HeadDim * panel, c.h.kw * panel}
}

func (c *cache) Reserve(n int) {
	reserve(&c.keys, upTo(n, panel)*panel*c.h.kw)
	reserve(&c.values, n*c.h.kw)
}

// extend makes s n long and keeps what it holds; memory that is too small at least doubles.
func extend[T any](s *[]T, n int) {
	if cap(*s) < n {
		reserve(s, max(n, 2*cap(*s)))
	}
	*s = (*s)[:n]
}

// reserve gives s memory for n elements.
func reserve[T any](s *[]T, n int) {
	if cap(*s) < n {
		*s = append(make([]T, 0, n), *s...)
	}
}

// AttendCached is Attend without the work on keys that are there.
func (d *device) AttendCached(out, q []float32, cached compute.Cache, n int, a compute.Attention) {
	h := newHeads(a)
	compute.Need(len(q), n*h.qw)
	compute.Need(len(out), n*h.qw)
	switch c := cached.(type) {
	case *cache:
		keys, s := c.panels(), compute.Segment{Len: n, Past: c.rows - n}
		values := d.gatherRows(&h, c.values, s, true)
		defer d.endGathered(&values)
		d.attend(&h, out, q, &keys, &values, s, !d.finite(&h, c.values, s))
	case *pairCache:
		d.attend(&h, out, q, &c.keys, &c.values, compute.Segment{Len: n, Past: c.rows - n}, c.bad)
	}
}
