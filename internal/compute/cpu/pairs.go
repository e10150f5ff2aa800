package cpu

import "fettle/internal/compute"

// pairsOf returns the rows of k that s sees, as pairs along the head or, for values, of rows.
func (d *device) pairsOf(h *heads, k []float32, s compute.Segment, along bool) *pairPanels {
	count := visible(s, s.Len-1)
	p := newPairPanels(h)
	p.words = d.free.words(upTo(count, panel) * p.next())
	switch {
	case h.wide != h.HeadDim:
		clear(p.words)
	case along:
		clear(p.words[count/panel*p.next():])
	}
	for _, run := range runs(s) {
		if run.n <= 0 {
			continue
		}
		if rows := k[run.row*h.kw:]; along {
			p.putAlong(d, rows, run.from, run.n)
		} else {
			p.putAcross(d, rows, run.from, run.n)
		}
	}
	return &p
}

// pairCache holds keys and values as attention in tile registers reads them.
type pairCache struct {
	*device
	h            heads
	rows         int
	keys, values pairPanels
	bad          bool // some value that is or was there is not finite
}

func (c *pairCache) Append(k, v []float32, at, n int) {
	compute.Need(len(k), n*c.h.kw)
	compute.Need(len(v), n*c.h.kw)
	compute.Need(c.rows, at)
	c.rows = at + n
	c.bad = c.bad || c.core.Finite(v[:n*c.h.kw]) != 0
	extend(&c.keys.words, upTo(c.rows, panel)*c.keys.next())
	extend(&c.values.words, upTo(c.rows, panel)*c.values.next())
	c.keys.putAcross(c.device, k, at, n)
	c.values.putAlong(c.device, v, at, n)
}

func (c *pairCache) Reserve(n int) {
	reserve(&c.keys.words, upTo(n, panel)*c.keys.next())
	reserve(&c.values.words, upTo(n, panel)*c.values.next())
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
