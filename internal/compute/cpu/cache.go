package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// cache holds keys and values head by head, as attention reads them in order: keys transposed (key heads, panels, Dh,
// 32), so that none is transposed twice, and values (key heads, panels of columns, keys, 32).
type cache struct {
	*device
	h            heads
	rows, room   int // keys that there are, and that there is room for: whole panels
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
	if c.rows = at + n; c.rows > c.room {
		c.Reserve(max(c.rows, 2*c.room))
	}
	c.byHead(c.gathered(), at, v, &c.h, n, 1, 1)
	panels := c.panels()
	c.each(c.h.KVHeads, func(head int) {
		for lo := at; lo < c.rows; {
			hi := min(c.rows, lo/16*16+16)
			c.pack(c.core.PackF32, kernel.Pack{
				Dst: kernel.Words(panels.at(head, lo/panel)[lo%panel:]), LDD: panel,
				Src: kernel.Words(k[(lo-at)*c.h.kw+head*c.h.HeadDim:]), LDS: c.h.kw, Rows: hi - lo, Cols: c.h.HeadDim,
			})
			lo = hi
		}
	})
}

func (c *cache) panels() keyPanels {
	return keyPanels{c.keys, c.room * c.h.HeadDim, c.h.HeadDim * panel}
}

func (c *cache) Reserve(n int) {
	room := upTo(n, panel) * panel
	if room <= c.room {
		return
	}
	for _, part := range []struct {
		all          *[]float32
		parts, width int
	}{{&c.keys, c.h.KVHeads, c.h.HeadDim}, {&c.values, c.h.KVHeads * c.h.wide / panel, panel}} {
		wider := make([]float32, part.parts*room*part.width)
		for i := range part.parts {
			copy(wider[i*room*part.width:], (*part.all)[i*c.room*part.width:][:c.room*part.width])
		}
		*part.all = wider
	}
	c.room = room
}

// gathered returns the values.
func (c *cache) gathered() gathered {
	return gathered{floats: c.values, head: c.room * c.h.wide, next: c.room * panel, ld: panel}
}

// finite reports whether n values are finite from a row on.
func (c *cache) finite(row, n int) bool {
	for i := range c.h.KVHeads * c.h.wide / panel {
		if c.core.Finite(c.values[(i*c.room+row)*panel:][:n*panel]) != 0 {
			return false
		}
	}
	return true
}

// AttendCached is Attend without the work on keys that are there.
func (d *device) AttendCached(out, q []float32, cached compute.Cache, n int, a compute.Attention) {
	h := newHeads(a)
	compute.Need(len(q), n*h.qw)
	compute.Need(len(out), n*h.qw)
	switch c := cached.(type) {
	case *cache:
		keys, s := c.panels(), compute.Segment{Len: n, Past: c.rows - n}
		values := c.gathered()
		values.runs = runs(s)
		if n == 1 && d.partsHeads(&h, c.rows) {
			d.attendInParts(&h, out, q, &keys, &values, s)
			return
		}
		d.attend(&h, out, q, &keys, &values, s, !finite(&h, s, c.finite))
	case *pairCache:
		d.attend(&h, out, q, &c.keys, &c.values, compute.Segment{Len: n, Past: c.rows - n}, c.bad)
	}
}
